// Command train writes the shipped predictor into the package's folder: the table of a trained sweep's fits (CSV), and
// the model card (JSON and Markdown), which names the learners chosen. `make predictor` trains the sweep first.
package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/outcrop-lab/outcrop/atomicfile"
	"github.com/outcrop-lab/outcrop/count"
	"github.com/outcrop-lab/outcrop/predict"
	"github.com/outcrop-lab/outcrop/store"
)

func main() {
	results := flag.String("results", "results", "folder of the results database with the trained sweep")
	sweep := flag.String("sweep", "predictor", "name of the sweep")
	commit := flag.String("commit", "", "the commit to record if the runs do not know theirs")
	dir := flag.String("dir", "predict", "folder of package predict, to write the predictor into")
	flag.Parse()
	if err := train(*results, *sweep, *dir, *commit); err != nil {
		fmt.Fprintln(os.Stderr, "train:", err)
		os.Exit(1)
	}
}

// train learns the predictor from a sweep in the results folder and writes its files into dir.
func train(results, sweep, dir, commit string) (err error) {
	db, err := store.OpenExisting(filepath.Join(results, "outcrop.db"))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	table, left, err := predict.Collect(db, sweep)
	if err != nil {
		return err
	}
	p, err := predict.Train(table, func(at string) { fmt.Fprintln(os.Stderr, at) })
	if err != nil {
		return err
	}
	p.Card.Created, p.Card.Sweep, p.Card.LeftOut = time.Now().UTC().Format(time.DateOnly), sweep, left
	if p.Card.Commit, p.Card.Machine, err = provenance(db, sweep); err != nil {
		return err
	}
	if p.Card.Commit == "unknown" && commit != "" {
		p.Card.Commit = fmt.Sprintf("%.12s", commit)
	}
	var archs, fits, text bytes.Buffer
	if err := table.Write(&archs, &fits); err != nil {
		return err
	}
	card, err := json.MarshalIndent(p.Card, "", "\t")
	if err != nil {
		return err
	}
	if err := p.Card.Print(&text); err != nil {
		return err
	}
	for _, file := range []struct {
		path    string
		content []byte
	}{
		{"testdata/architectures.csv", archs.Bytes()},
		{"testdata/fits.csv", fits.Bytes()},
		{"card.json", append(card, '\n')},
		{"card.md", text.Bytes()},
	} {
		path := filepath.Join(dir, file.path)
		if err := atomicfile.Write(path, file.content); err != nil {
			return err
		}
	}
	return nil
}

// provenance returns the commits and the processors of a sweep's runs, each as a list in one string.
func provenance(db *store.DB, sweep string) (commit, machine string, err error) {
	runs, err := db.RunsOf(sweep)
	if err != nil {
		return "", "", err
	}
	var commits, machines []string
	for _, m := range runs {
		if m.Run.Status == store.Planned {
			continue
		}
		commits = append(commits, fmt.Sprintf("%.12s", m.Run.Commit))
		machines = append(machines, strings.TrimSpace(m.Run.CPU)+" ("+m.Run.KernelPath+")")
	}
	unique := func(names []string) string {
		return strings.Join(slices.Compact(slices.Sorted(slices.Values(names))), ", ")
	}
	return unique(commits), fmt.Sprintf("%s, %s", unique(machines), count.Of(runtime.NumCPU(), "processor")), nil
}
