package main

import "testing"

// Each question compares two different ways of executing the same number of runs, so that the ratio of times is the
// ratio of throughputs: half the time is twice the throughput.
func TestAnswers(t *testing.T) {
	for _, q := range questions {
		if q.new.runs != q.old.runs || q.new == q.old {
			t.Errorf("%s compares %+v with %+v", q.name, q.new, q.old)
		}
	}
	a := answer{New: []float64{1, 2, 4}, Old: []float64{2, 2, 12}}
	if a.reduce(); a.Ratio != 2 || a.Low != 1 || a.High != 3 {
		t.Errorf("%+v", a)
	}
}

// A sweep that cannot be read is an error, and no time is recorded.
func TestTurn(t *testing.T) {
	var seconds []float64
	if err := (turn{way{1, 1, 1}, &seconds}).take(t.Context(), "{arch: {depth: 1}}"); err == nil || len(seconds) > 0 {
		t.Errorf("it took %v: %v", seconds, err)
	}
}
