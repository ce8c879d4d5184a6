// Command tokens compares how long Outcrop and the library tokenizers take to encode a text, in turn and with equally
// many threads. It writes a line to standard error for each round, and one JSON document to standard output.
package main

import (
	_ "embed"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"time"

	"github.com/outcrop-lab/outcrop/fit"
	"github.com/outcrop-lab/outcrop/tokenizer"
)

//go:embed peer.py
var peerScript string

// answer is what peer.py says of one round.
type answer struct {
	Seconds float64 `json:"seconds"`
	Tokens  int64   `json:"tokens"`
	Version string  `json:"version"`
}

// result is the document. Ratio is the median over rounds of Outcrop's time over that of tokenizers.
type result struct {
	Date    string    `json:"date"`
	Threads int       `json:"threads"`
	Bytes   int64     `json:"bytes"`
	Tokens  int64     `json:"tokens"`      // Outcrop's
	Theirs  int64     `json:"peer_tokens"` // of the pieces into which the peer's text is cut
	Peer    string    `json:"peer"`
	Ours    []float64 `json:"seconds"`
	Others  []float64 `json:"peer_seconds"`
	Ratio   float64   `json:"ratio"`
}

func main() {
	text := flag.String("text", "", "a file of UTF-8 text")
	vocabulary := flag.String("tokenizer", "", "a tokenizer.json: byte-level BPE with GPT-2's splitting")
	python := flag.String("peer", "python3", "a Python that has the library tokenizers (see requirements.txt)")
	threads := flag.Int("threads", runtime.NumCPU(), "threads of each")
	rounds := flag.Int("rounds", 3, "how often each encodes the text")
	flag.Parse()
	r, err := compare(*text, *vocabulary, *python, *threads, *rounds)
	if err == nil {
		err = json.NewEncoder(os.Stdout).Encode(r)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "tokens:", err)
		os.Exit(1)
	}
}

func compare(text, vocabulary, python string, threads, rounds int) (r result, err error) {
	content, err := os.ReadFile(vocabulary)
	if err != nil {
		return r, err
	}
	t, err := tokenizer.Read(content)
	if err != nil {
		return r, err
	}
	info, err := os.Stat(text)
	if err != nil {
		return r, err
	}
	peer := exec.Command(python, "-c", peerScript, vocabulary, text)
	peer.Env = append(os.Environ(), fmt.Sprintf("RAYON_NUM_THREADS=%d", threads), "TOKENIZERS_PARALLELISM=true")
	peer.Stderr = os.Stderr
	in, err := peer.StdinPipe()
	if err != nil {
		return r, err
	}
	out, err := peer.StdoutPipe()
	if err != nil {
		return r, err
	}
	if err := peer.Start(); err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, in.Close(), peer.Wait()) }()
	runtime.GOMAXPROCS(threads)
	r = result{Date: time.Now().UTC().Format(time.DateOnly), Threads: threads, Bytes: info.Size()}
	said := json.NewDecoder(out)
	var ratios []float64
	for range rounds {
		seconds, err := r.encode(t, text)
		if err != nil {
			return r, err
		}
		if _, err := io.WriteString(in, "\n"); err != nil {
			return r, err
		}
		var a answer
		if err := said.Decode(&a); err != nil {
			return r, fmt.Errorf("reading the peer's answer (has %s the library tokenizers?): %w", python, err)
		}
		r.Peer, r.Theirs = "tokenizers "+a.Version, a.Tokens
		r.Ours, r.Others = append(r.Ours, seconds), append(r.Others, a.Seconds)
		ratios = append(ratios, seconds/a.Seconds)
		fmt.Fprintf(os.Stderr, "%.2f s, %s %.2f s: ratio %.2f\n", seconds, r.Peer, a.Seconds, seconds/a.Seconds)
	}
	r.Ratio = fit.Median(ratios)
	return r, nil
}

// encode encodes the text once, from its file to nowhere, and returns the seconds that it takes.
func (r *result) encode(t *tokenizer.Tokenizer, text string) (float64, error) {
	f, err := os.Open(text)
	if err != nil {
		return 0, err
	}
	defer func() { _ = f.Close() }()
	begin := time.Now()
	r.Tokens, err = t.Write(io.Discard, f, t.Width())
	return time.Since(begin).Seconds(), err
}
