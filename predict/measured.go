package predict

import (
	"fmt"
	"math"

	"github.com/outcrop-lab/outcrop/store"
)

// Measured is the measured series of one layer of a finished run.
type Measured struct {
	Run    string
	Seed   uint64
	Layer  int
	Steps  []float64
	Values []float64
}

// MeasuredOf returns the measured series of an architecture's finished runs, one for each run and layer. It leaves out
// NaN values.
func MeasuredOf(db *store.DB, a Arch) ([]Measured, error) {
	runs, err := db.Runs()
	if err != nil {
		return nil, err
	}
	var all []Measured
	for _, r := range runs {
		if r.Status != "done" {
			continue
		}
		if other, err := ParseArch(r.Config); err != nil || !other.same(a) {
			continue // a configuration without the predictor's settings is another architecture
		}
		series, err := db.Series(store.Select{Run: r.ID, Site: site, Statistic: statistic})
		if err != nil {
			return nil, fmt.Errorf("predict: reading run %s: %w", r.ID, err)
		}
		for _, s := range series {
			m := Measured{Run: r.ID, Seed: r.Seed, Layer: s.Layer}
			for i, v := range s.Values {
				if !math.IsNaN(v) {
					m.Steps, m.Values = append(m.Steps, float64(s.Steps[i])), append(m.Values, v)
				}
			}
			if len(m.Steps) > 0 {
				all = append(all, m)
			}
		}
	}
	return all, nil
}
