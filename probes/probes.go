// Package probes turns the sites of a forward pass into activation statistics.
package probes

// Value is one measured number. Layer, Head and Idx are -1 where they do not apply. Value may be NaN.
type Value struct {
	Site, Statistic  string
	Layer, Head, Idx int
	Value            float64
}
