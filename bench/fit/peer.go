package main

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"time"

	"github.com/outcrop-lab/outcrop/fit"
)

//go:embed peer.py
var peerScript string

// request asks peer.py to fit one series, in one line of JSON.
type request struct {
	T    []float64 `json:"t"`
	Y    []float64 `json:"y"`
	Seed int       `json:"seed"`
}

// answer is the answer to a request, one line of JSON.
type answer struct {
	SSE          float64 `json:"sse"`           // of the best of all starts
	Seconds      float64 `json:"seconds"`       // of all starts
	FirstSSE     float64 `json:"first_sse"`     // of the paper's start
	FirstSeconds float64 `json:"first_seconds"` // of the paper's start
	SciPy        string  `json:"scipy"`
}

// startPeer starts a script that answers each JSON document on its input with one on its output. end stops the script.
func startPeer(python, script string) (ask *json.Encoder, hear *json.Decoder, end func(), err error) {
	peer := exec.Command(python, "-c", script)
	peer.Stderr = os.Stderr
	in, err := peer.StdinPipe()
	if err != nil {
		return nil, nil, nil, err
	}
	out, err := peer.StdoutPipe()
	if err != nil {
		return nil, nil, nil, err
	}
	if err := peer.Start(); err != nil {
		return nil, nil, nil, err
	}
	return json.NewEncoder(in), json.NewDecoder(out), func() { _ = in.Close(); _ = peer.Wait() }, nil
}

// compare fits each curve with Outcrop and with SciPy by turns, so that both see the same state of the machine. Curve i
// has noise number i mod 3.
func compare(python string, planted []curve, seed uint64) error {
	ask, hear, end, err := startPeer(python, peerScript)
	if err != nil {
		return err
	}
	defer end()
	var ours, theirs, first time.Duration
	var ratios []float64
	worse, better, poorFirst, poorBest := 0, 0, 0, 0
	var last answer
	for i, c := range planted {
		p := c.noisy(noises[i%len(noises)], seed)
		start := time.Now()
		r, err := fit.Fit("emergence", p, fit.Options{Interval: fit.IntervalNone})
		took := time.Since(start)
		if err != nil {
			return err
		}
		if err := ask.Encode(request{p.T, p.Y, i}); err != nil {
			return fmt.Errorf("asking SciPy (is it installed for %s?): %w", python, err)
		}
		if err := hear.Decode(&last); err != nil {
			return fmt.Errorf("reading SciPy's answer (is it installed for %s?): %w", python, err)
		}
		fmt.Fprintf(os.Stderr, "\r%d of %d curves against SciPy", i+1, len(planted))
		ours += took
		theirs += time.Duration(last.Seconds * 1e9)
		first += time.Duration(last.FirstSeconds * 1e9)
		ratios = append(ratios, last.Seconds/took.Seconds())
		// Residuals of a curve without noise are rounding errors: at most a billionth of the range per point.
		rounding := float64(len(steps)) * 1e-18 * c.span * c.span
		if r.SSE > last.SSE*(1+1e-6)+rounding {
			worse++
			fmt.Printf("worse: curve %d, noise %g, SSE %.9g, SciPy %.9g, %v\n", i, noises[i%3], r.SSE, last.SSE, c.params)
		}
		if last.SSE > r.SSE*(1+1e-6)+rounding {
			better++
		}
		total := r.SSE / (1 - r.R2)
		if 1-last.FirstSSE/total < .99 && r.R2 >= .99 {
			poorFirst++
		}
		if 1-last.SSE/total < .99 && r.R2 >= .99 {
			poorBest++
		}
	}
	fmt.Fprintln(os.Stderr)
	n := len(planted)
	slices.Sort(ratios)
	fmt.Printf("\nAgainst SciPy %s, %d curves by turns, one thread each:\n", last.SciPy, n)
	fmt.Printf("  a fit: %.2f ms; curve_fit from the paper's start %.1f ms; best of 50 starts %.2f s\n",
		1e3*ours.Seconds()/float64(n), 1e3*first.Seconds()/float64(n), theirs.Seconds()/float64(n))
	fmt.Printf("  rate relative to best of 50: %.0f times (all curves), median %.0f, least %.0f\n",
		theirs.Seconds()/ours.Seconds(), ratios[n/2], ratios[0])
	fmt.Printf("  sum of squares: worse than best of 50 in %d, better in %d, equal to 1e-6 in the others\n", worse, better)
	fmt.Printf("  R² below .99 although ours is not: %d from the paper's start, %d best of 50\n", poorFirst, poorBest)
	return nil
}
