package main

import (
	"slices"

	"github.com/outcrop-lab/outcrop/fit"
)

// timed is the result of one contestant's rounds, milliseconds per step. A round's time is the median of its steps, and
// Median is the median of the rounds.
type timed struct {
	Median float64   `json:"ms_median"`
	Least  float64   `json:"ms_min"` // of all steps
	Rounds []float64 `json:"ms_rounds"`
	// Memory is the largest resident memory of the process, MiB.
	Memory float64 `json:"peak_mib"`
}

// ratio is the ratio of times taken by turns, theirs over ours: above 1, ours is faster. Median, Low and High are over
// the rounds.
type ratio struct {
	Median float64 `json:"median"`
	Low    float64 `json:"low"`
	High   float64 `json:"high"`
}

// add adds a round's steps.
func (t *timed) add(steps []float64) {
	least := slices.Min(steps)
	if len(t.Rounds) == 0 || least < t.Least {
		t.Least = least
	}
	t.Rounds = append(t.Rounds, fit.Median(steps))
	t.Median = fit.Median(t.Rounds)
}

// over returns the ratio of their rounds to ours, round by round.
func over(theirs, ours []float64) ratio {
	rounds := make([]float64, min(len(theirs), len(ours)))
	for i := range rounds {
		rounds[i] = theirs[i] / ours[i]
	}
	return ratio{Median: fit.Median(rounds), Low: slices.Min(rounds), High: slices.Max(rounds)}
}

// mean returns the mean time, round by round, of processes that ran at once. Memory is the mean of one process.
func mean(all []timed) (m timed) {
	m.Rounds = make([]float64, len(all[0].Rounds))
	m.Least = all[0].Least
	for _, t := range all {
		for i, r := range t.Rounds {
			m.Rounds[i] += r / float64(len(all))
		}
		m.Least = min(m.Least, t.Least)
		m.Memory += t.Memory / float64(len(all))
	}
	m.Median = fit.Median(m.Rounds)
	return m
}
