package optim

import (
	"math"
	"strings"

	"github.com/outcrop-lab/outcrop/compute"
	"github.com/outcrop-lab/outcrop/variant"
)

// Rule changes the weights after an update.
type Rule interface {
	Validate() error
	// New returns the function to call after each update, or nil if there is nothing to do. The function takes the number
	// of updates done so far. It allocates nothing and keeps no state.
	New(dev compute.Device, params []Param) func(updates int)
}

var rules = variant.Registry[Rule]{
	"none": {New: func() Rule { return &NoRule{} }, Formula: "w stays", Source: "the usual"},
	"tvr": {
		New: func() Rule { return &TVR{Every: 50, Std: .01, Threshold: 1.2} },
		Formula: "every so many steps, for each matrix W of a block with std(W)/s > threshold: W <- (W - mean) s/std(W) + " +
			"mean, its bias <- 0",
		Source: "2503.22329",
	},
}

// NoRule does not change the weights.
type NoRule struct{}

// Validate implements Rule.
func (*NoRule) Validate() error { return nil }

// New implements Rule.
func (*NoRule) New(compute.Device, []Param) func(int) { return nil }

// TVR is target variance rescaling (arXiv 2503.22329). It applies to the matrices of the blocks, but not to an
// embedding or the head. If the standard deviation of a matrix exceeds Threshold times its target, TVR rescales the
// matrix about its mean so that the standard deviation equals the target, and sets the bias that belongs to the matrix
// to 0. The divisor of the variance is n-1, as in the paper's code. Updates are numbered from 1, and TVR acts after
// those whose number is a multiple of Every; the paper's code counts from the first update instead.
type TVR struct {
	Every     int     `json:"every" max:"2^53" doc:"updates between two rescalings"`
	Std       float64 `json:"std" doc:"target standard deviation (.01; .02 with DyT)"`
	Threshold float64 `json:"threshold" doc:"std(W)/target above which a matrix is rescaled"`
	Depth     bool    `json:"depth" doc:"divide the target by sqrt(layer), layers from 1"`
}

// Validate implements Rule.
func (t *TVR) Validate() error {
	if t.Every < 1 {
		return variant.Errorf("every", "must be at least 1, is %d", t.Every)
	}
	if err := positive("std", t.Std); err != nil {
		return err
	}
	if !(t.Threshold >= 1) || math.IsInf(t.Threshold, 1) {
		return variant.Errorf("threshold", "must be a finite number of at least 1, is %v", t.Threshold)
	}
	return nil
}

// New implements Rule. The bias of a weight is the parameter whose name is the weight's, with ".bias" in place of a
// final ".weight", or with ".bias" appended if the name does not end in ".weight".
func (t *TVR) New(dev compute.Device, params []Param) func(int) {
	type weight struct {
		value, bias compute.Buffer
		target      float64
	}
	byName := map[string]compute.Buffer{}
	for _, p := range params {
		byName[p.Name] = p.Value
	}
	var weights []weight
	for _, p := range params {
		if p.Kind != Matrix || p.Layer < 0 || p.Value.Len() < 2 {
			continue
		}
		w := weight{value: p.Value, bias: byName[strings.TrimSuffix(p.Name, ".weight")+".bias"], target: t.Std}
		if t.Depth {
			w.target /= math.Sqrt(float64(p.Layer + 1))
		}
		weights = append(weights, w)
	}
	return func(updates int) {
		if updates%t.Every != 0 {
			return
		}
		for _, w := range weights {
			mean, squares := dev.Moments(w.value)
			std := math.Sqrt(squares / float64(w.value.Len()-1))
			if !(std > t.Threshold*w.target) || math.IsInf(std, 1) {
				continue
			}
			s := w.target / std
			dev.Affine(w.value, float32(s), float32(mean*(1-s)))
			if w.bias.Len() > 0 {
				dev.Scale(w.bias, 0)
			}
		}
	}
}
