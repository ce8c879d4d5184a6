package folder

import (
	"errors"
	"syscall"

	"github.com/outcrop-lab/outcrop/settings"
	"github.com/outcrop-lab/outcrop/store"
)

// Event is what a worker says about its run, as one line of JSON on its standard output.
type Event struct {
	Run    string  `json:"run"`
	Step   int     `json:"step"`
	Steps  int     `json:"steps"`
	Loss   float64 `json:"loss"`
	Status string  `json:"status"`
	// Message says more than the status, if there is more to say.
	Message string `json:"message,omitempty"`
	// Cause is why a worker failed; the coordinator alone reads it.
	Cause string `json:"cause,omitempty"`
}

// Measuring is the status in the events of a worker that measures a run again. The events of a worker that trains have
// other statuses.
const Measuring = "measuring"

// The causes of a worker's failure that decide whether it is tried again. The cause "" is any other.
const (
	CauseInput     = "input"     // it would fail again
	CauseFull      = "full"      // the disk is full
	CauseTransient = "transient" // it may be gone at the next attempt
)

// CauseOf returns the cause of an error in this process; "" if it is none of the listed ones.
func CauseOf(err error) string {
	var input *settings.InputError
	switch {
	case errors.As(err, &input):
		return CauseInput
	case store.IsFull(err):
		return CauseFull
	case store.IsTransient(err), errors.Is(err, ErrHeld):
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
