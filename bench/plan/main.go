// Command plan compares the plan's forecasts with real runs, and times planning very many runs. The README in this
// folder has its results.
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
	runs := flag.Int("runs", 0, "instead, time planning this many runs, a multiple of 100")
	outcrop := flag.String("outcrop", "", "with --runs: the outcrop program, to time its verb plan too")
	only := flag.String("only", "", "only the runs whose name contains this string")
	rounds := flag.Int("rounds", 1, "rounds; each run is forecast and trained once in a round")
	threads := flag.Int("threads", 1, "threads of a run")
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
