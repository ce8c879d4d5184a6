package folder

import (
	"errors"
	"syscall"

	"github.com/outcrop-lab/outcrop/settings"
	"github.com/outcrop-lab/outcrop/store"
)

// Event is a worker's or its coordinator's report on a run. The worker writes each event to its standard output as one
// line of JSON. Loss is in nats per token; 0 if it is not known.
type Event struct {
	Run    string  `json:"run"`
	Step   int     `json:"step"`
	Steps  int     `json:"steps"`
	Loss   float64 `json:"loss"`
	Status string  `json:"status"`
	// Early is true if the sweep's rule has stopped the run, which will therefore not go on by itself.
	Early bool `json:"early,omitempty"`
	// Message explains the status; it may be "".
	Message string `json:"message,omitempty"`
	// Cause is the cause of the worker's failure. Only the coordinator reads it.
	Cause string `json:"cause,omitempty"`
}

// The statuses of a worker's events that no stored run has.
const (
	Holding   = "holding"   // it has locked the run's folder; only the coordinator reads it
	Started   = "started"   // training begins, at Step
	Measuring = "measuring" // a step was measured again
)

// The causes of a worker's failure, which decide whether the coordinator tries the run again. The cause "" stands for
// any other cause.
const (
	CauseInput     = "input"     // bad input: the run would fail again
	CauseFull      = "full"      // the disk is full
	CauseHeld      = "held"      // another process works on the run
	CauseTransient = "transient" // the cause may be gone at the next attempt
)

// CauseOf returns the cause of an error in this process, or "" if the cause is not one of the constants.
func CauseOf(err error) string {
	var input *settings.InputError
	switch {
	case errors.As(err, &input):
		return CauseInput
	case store.IsFull(err):
		return CauseFull
	case errors.Is(err, ErrHeld):
		return CauseHeld
	case store.IsTransient(err):
		return CauseTransient
	}
	for _, passing := range []syscall.Errno{
		syscall.EIO, syscall.ENOMEM, syscall.EAGAIN, syscall.EMFILE, syscall.ENFILE, syscall.ETIMEDOUT, syscall.ESTALE,
	} {
		if errors.Is(err, passing) {
			return CauseTransient
		}
	}
	return ""
}
