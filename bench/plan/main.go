// Command plan holds the plan's forecasts against real runs, and times the plan of very many. The README beside it holds its
// results.
package main

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"

	"github.com/outcrop-lab/outcrop/bench/steady"
)

func main() {
	if len(os.Args) == 3 && os.Args[1] == "worker" {
		if err := steady.Work(os.Args[2]); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	runs := flag.Int("runs", 0, "time the plan of so many runs, a multiple of 100, instead")
	outcrop := flag.String("outcrop", "", "with --runs: the program whose plan is timed too")
	only := flag.String("only", "", "runs whose name holds this text")
	rounds := flag.Int("rounds", 1, "how often each run is foretold and trained, in turn")
	threads := flag.Int("threads", 1, "of a run")
	flag.Parse()
	var document any
	var err error
	if *runs > 0 {
		document, err = speed(*runs, *outcrop)
	} else {
		document, err = forecasts(*only, *rounds, *threads)
	}
	err = errors.Join(err, json.NewEncoder(os.Stdout).Encode(document))
	if err != nil {
		fmt.Fprintln(os.Stderr, "plan:", err)
		os.Exit(1)
	}
}
