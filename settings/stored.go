package settings

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"reflect"
	"strconv"

	"github.com/gowebpki/jcs"

	"github.com/outcrop-lab/outcrop/plain"
)

// Canonical returns the RFC 8785 JSON of a value.
func Canonical(v any) ([]byte, error) {
	text, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	return jcs.Transform(text)
}

// Exact turns an integer beyond 2^53 into a string, as RFC 8785 (appendix D) recommends, because a float64 may not hold
// such an integer exactly. It returns any other value unchanged.
func Exact(v any) any {
	const most = 1 << 53
	switch x := v.(type) {
	case uint64:
		if x > most {
			return strconv.FormatUint(x, 10)
		}
	case int64:
		if x > most || x < -most {
			return strconv.FormatInt(x, 10)
		}
	}
	return v
}

// Stored returns the configuration that config points to in the form that a database keeps: the canonical JSON of the
// configuration's Tree.
func Stored(config any) ([]byte, error) { return Canonical(Tree(config)) }

// Tree returns the configuration that config points to as nested maps, with every key. A slot is always a map that
// includes the name of the slot's variant.
func Tree(config any) any { return tree(reflect.ValueOf(config).Elem()) }

func tree(v reflect.Value) any {
	if IsValue(v) {
		return Plain(v)
	}
	at := map[string]any{}
	if IsSlot(v) {
		at["name"] = Slot(v).Chosen()
	}
	for _, f := range Fields(v) {
		at[f.Name] = tree(f.Value)
	}
	return at
}

// Parse lists the settings of a stored configuration in the order of its text, which is sorted by key. Parse consults
// no registry, so the settings of an older configuration lack the keys that were added later. A number without a
// fraction or an exponent becomes an int64, or a uint64 if it is too large for an int64; any other number becomes a
// float64. Parse returns an error for a null or a list of maps, because no configuration holds either.
func Parse(stored string) ([]Setting, error) {
	d := json.NewDecoder(bytes.NewReader([]byte(stored)))
	d.UseNumber()
	list, err := parse(nil, d, "")
	if err == nil {
		if _, extra := d.Token(); extra != io.EOF {
			err = fmt.Errorf("text follows its end")
		}
	}
	if err != nil {
		return nil, fmt.Errorf("settings: a stored configuration is damaged (take the database from a copy): %w",
			plain.JSON([]byte(stored), err))
	}
	return list, nil
}

// parse appends the settings of one value under key, in the order of the text.
func parse(to []Setting, d *json.Decoder, key string) ([]Setting, error) {
	token, err := d.Token()
	if err != nil {
		return nil, err
	}
	delim, _ := token.(json.Delim)
	switch {
	case delim == '{':
		return parseMap(to, d, key)
	case key == "":
		return nil, fmt.Errorf("wants a map, got %v", token)
	case delim == '[':
		list := []any{}
		for d.More() {
			token, err := d.Token()
			if err != nil {
				return nil, err
			}
			value, err := scalar(token, key)
			if err != nil {
				return nil, err
			}
			list = append(list, value)
		}
		_, err := d.Token() // the closing bracket
		return append(to, Setting{Key: key, Value: list}), err
	}
	value, err := scalar(token, key)
	return append(to, Setting{Key: key, Value: value}), err
}

// parseMap appends the settings of a map under key, whose opening brace has been read.
func parseMap(to []Setting, d *json.Decoder, key string) ([]Setting, error) {
	at := len(to)
	for d.More() {
		token, err := d.Token()
		if err != nil {
			return nil, err
		}
		below := token.(string) // a key is a string, or Token fails
		if below == "name" && key != "" {
			named, err := parse(nil, d, key)
			if err != nil {
				return nil, err
			}
			if len(named) != 1 || named[0].Key != key {
				return nil, fmt.Errorf("%s.name: wants one value", key)
			}
			named[0].Choice = true
			to = append(to[:at:at], append(named, to[at:]...)...) // a slot's name comes before its keys
			continue
		}
		if to, err = parse(to, d, Join(key, below)); err != nil {
			return nil, err
		}
	}
	_, err := d.Token() // the closing brace
	return to, err
}

func scalar(token json.Token, key string) (any, error) {
	switch x := token.(type) {
	case bool, string:
		return x, nil
	case json.Number:
		if n, err := strconv.ParseInt(x.String(), 10, 64); err == nil {
			return n, nil
		}
		if n, err := strconv.ParseUint(x.String(), 10, 64); err == nil {
			return n, nil
		}
		return x.Float64()
	}
	return nil, fmt.Errorf("%s: wants a value, got %v", key, token)
}
