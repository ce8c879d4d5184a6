package results

import (
	"encoding/hex"
	"encoding/json"
	"math"
)

// Object returns a JSON object with the given keys, in the given order. The keys are already encoded as JSON strings.
// In the values, an infinity becomes the string "Infinity" or "-Infinity", and a []byte becomes a string of hexadecimal
// digits.
func Object(keys [][]byte, values []any) ([]byte, error) {
	line := []byte("{")
	for i, v := range values {
		if i > 0 {
			line = append(line, ',')
		}
		switch x := v.(type) {
		case float64:
			if math.IsInf(x, 0) {
				v = map[bool]string{true: "Infinity", false: "-Infinity"}[x > 0]
			}
		case []byte:
			v = hex.EncodeToString(x)
		}
		text, err := json.Marshal(v)
		if err != nil {
			return nil, err
		}
		line = append(append(append(line, keys[i]...), ':'), text...)
	}
	return append(line, '}'), nil
}
