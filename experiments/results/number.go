package results

import (
	"encoding/json"
	"math"

	"github.com/outcrop-lab/outcrop/fit"
)

// Number is a float64 whose JSON is null if it is not finite.
type Number float64

// MarshalJSON implements json.Marshaler.
func (n Number) MarshalJSON() ([]byte, error) {
	if f := float64(n); math.IsNaN(f) || math.IsInf(f, 0) {
		return []byte("null"), nil
	}
	return json.Marshal(float64(n))
}

// Numbers converts the values of a map.
func Numbers(params map[string]float64) map[string]Number {
	out := map[string]Number{}
	for name, v := range params {
		out[name] = Number(v)
	}
	return out
}

func ends(intervals map[string][2]float64) map[string][2]Number {
	out := map[string][2]Number{}
	for name, i := range intervals {
		out[name] = [2]Number{Number(i[0]), Number(i[1])}
	}
	return out
}

func pair(i fit.Interval) [2]Number { return [2]Number{Number(i.Low), Number(i.High)} }
