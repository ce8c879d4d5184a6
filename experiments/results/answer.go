package results

import (
	"errors"
	"math"
	"slices"

	"github.com/outcrop-lab/outcrop/derive"
	"github.com/outcrop-lab/outcrop/store"
)

// Answer says what an arm of a sweep came to: the numbers that a reader wants first. They are taken over the arm's runs
// that are done, each at its last measured step.
type Answer struct {
	Arm      string `json:"arm"`
	Runs     int    `json:"runs"`     // that are done
	Diverged int    `json:"diverged"` // that are not counted below
	// Begin is the largest ratio_mean at resid_post over the blocks at step 0, and Ratio the same at the last step. Sink
	// is the largest first_token_attention over heads and blocks, Kurtosis the largest kurtosis over blocks at resid_post,
	// and Loss the held-out loss in nats per token.
	Begin    Spread `json:"ratio_at_step_0"`
	Ratio    Spread `json:"ratio"`
	Sink     Spread `json:"first_token_attention"`
	Kurtosis Spread `json:"kurtosis"`
	Loss     Spread `json:"heldout_loss"`
}

// Spread is the mean of a number over runs, and its lowest and highest value. All are NaN if no run has it.
type Spread struct {
	Mean Number `json:"mean"`
	Low  Number `json:"low"`
	High Number `json:"high"`
}

func spreadOf(values []float64) Spread {
	if len(values) == 0 {
		nan := Number(math.NaN())
		return Spread{nan, nan, nan}
	}
	sum := 0.0
	for _, v := range values {
		sum += v
	}
	return Spread{Number(sum / float64(len(values))), Number(slices.Min(values)), Number(slices.Max(values))}
}

// answers returns the answer of each arm, in the order of the sweep.
func answers(db *store.DB, members []store.MemberRun) ([]Answer, error) {
	ratio := derive.Scalar{Site: "resid_post", Statistic: "ratio_mean", Layers: derive.Max, Step: derive.Last}
	first, kurtosis := ratio, ratio
	first.Step, kurtosis.Statistic = derive.One(0), "kurtosis"
	scalars := []derive.Scalar{first, ratio, {Site: "attn.pattern", Statistic: "first_token_attention",
		Heads: derive.Max, Layers: derive.Max, Step: derive.Last}, kurtosis,
		{Site: "run", Statistic: "heldout_loss", Step: derive.Last}}
	type arm struct {
		Answer
		values [][]float64 // by scalar
	}
	var arms []*arm
	byName := map[string]*arm{}
	for _, m := range members {
		a := byName[m.Member.Arm]
		if a == nil {
			a = &arm{Answer{Arm: m.Member.Arm}, make([][]float64, len(scalars))}
			byName[a.Arm], arms = a, append(arms, a)
		}
		switch m.Run.Status {
		case store.Diverged:
			a.Diverged++
			continue
		case store.Done:
			a.Runs++
		default:
			continue
		}
		for i, s := range scalars {
			v, _, err := s.Value(db, m.Run.ID)
			if missing := new(derive.Missing); errors.As(err, &missing) || err == nil && math.IsNaN(v) {
				continue
			}
			if err != nil {
				return nil, err
			}
			a.values[i] = append(a.values[i], v)
		}
	}
	all := make([]Answer, len(arms))
	for i, a := range arms {
		for k, to := range []*Spread{&a.Begin, &a.Ratio, &a.Sink, &a.Kurtosis, &a.Loss} {
			*to = spreadOf(a.values[k])
		}
		all[i] = a.Answer
	}
	return all, nil
}
