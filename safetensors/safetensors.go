// Package safetensors reads and writes float32 tensors in the safetensors format. A file holds the length of its
// header, then the header in JSON, then the data. What release 0.8.0 of the format's own library refuses is refused
// here too, and so are an entry that is a list and a key that is repeated within the metadata or with one tensor.
package safetensors

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"os"
	"slices"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/outcrop-lab/outcrop/count"
	"github.com/outcrop-lab/outcrop/plain"
)

// Tensor is a named array of float32 values in row-major order.
type Tensor struct {
	Name  string
	Shape []int
	Data  []float32
}

// entry is a tensor's entry in the header.
type entry struct {
	DType   string   `json:"dtype"`
	Shape   []int    `json:"shape"`
	Offsets [2]int64 `json:"data_offsets"`
}

const (
	metadataKey   = "__metadata__"
	longestHeader = 100_000_000 // bytes
)

// Write writes a file with the tensors, in the given order, and the metadata. The file appears at path only once it is
// complete.
func Write(path string, tensors []Tensor, metadata map[string]string) (err error) {
	header, offset := map[string]any{}, int64(0)
	if len(metadata) > 0 {
		header[metadataKey] = metadata
	}
	for _, t := range tensors {
		if _, twice := header[t.Name]; twice || t.Name == metadataKey || !utf8.ValidString(t.Name) {
			return fmt.Errorf("safetensors: writing %s: tensor name %q is repeated, reserved or not UTF-8", path, t.Name)
		}
		if size(t.Shape) != int64(len(t.Data)) {
			return fmt.Errorf("safetensors: writing %s: tensor %q: shape %v with %s",
				path, t.Name, t.Shape, count.Of(len(t.Data), "value"))
		}
		end := offset + 4*int64(len(t.Data))
		header[t.Name] = entry{"F32", append([]int{}, t.Shape...), [2]int64{offset, end}}
		offset = end
	}
	text, err := json.Marshal(header)
	if err != nil {
		return fmt.Errorf("safetensors: writing %s: %w", path, err)
	}
	text = append(text, bytes.Repeat([]byte(" "), (8-len(text)%8)%8)...)
	if len(text) > longestHeader {
		return fmt.Errorf("safetensors: writing %s: a header of %s, the format allows %d", path, count.Of(len(text), "byte"),
			longestHeader)
	}
	file, err := os.Create(path + ".partial")
	if err != nil {
		return fmt.Errorf("safetensors: %w", err)
	}
	defer func() {
		if err != nil {
			_ = file.Close()
			_ = os.Remove(file.Name())
			err = fmt.Errorf("safetensors: writing %s: %w", path, err)
		}
	}()
	if _, err = file.Write(append(binary.LittleEndian.AppendUint64(nil, uint64(len(text))), text...)); err != nil {
		return err
	}
	for _, t := range tensors {
		raw := make([]byte, 0, 4*len(t.Data))
		for _, v := range t.Data {
			raw = binary.LittleEndian.AppendUint32(raw, math.Float32bits(v))
		}
		if _, err = file.Write(raw); err != nil {
			return err
		}
	}
	if err = file.Sync(); err != nil {
		return err
	}
	if err = file.Close(); err != nil {
		return err
	}
	return os.Rename(file.Name(), path)
}

// Read returns the tensors of a file, in the order of their data, and the metadata of the file. It returns an error
// that names the path if the file is truncated, if its header is longer than the format allows or not UTF-8, if a
// tensor lacks its type, shape or two offsets, if tensors overlap, leave gaps or share a name, or if the type of a
// tensor is not F32.
func Read(path string) ([]Tensor, map[string]string, error) {
	content, err := os.ReadFile(path)
	if err != nil {
		return nil, nil, fmt.Errorf("safetensors: %w", err)
	}
	tensors, metadata, err := parse(content)
	if err != nil {
		return nil, nil, fmt.Errorf("safetensors: reading %s: %w", path, err)
	}
	return tensors, metadata, nil
}

// parse decodes the contents of a file, as Read does.
func parse(content []byte) ([]Tensor, map[string]string, error) {
	if len(content) < 8 {
		return nil, nil, fmt.Errorf("the file is cut off: %s %s too few for a header's length",
			count.Of(len(content), "byte"), count.Agree(len(content), "is", "are"))
	}
	length, body := binary.LittleEndian.Uint64(content), content[8:]
	if length > longestHeader {
		return nil, nil, fmt.Errorf("a header of %s, the format allows %d", count.Of(length, "byte"), longestHeader)
	}
	if length > uint64(len(body)) {
		return nil, nil, fmt.Errorf("the file is cut off: a header of %s does not fit in a file of %d",
			count.Of(length, "byte"), len(content))
	}
	entries, metadata, err := parseHeader(body[:length])
	if err != nil {
		return nil, nil, err
	}
	body = body[length:]
	names := slices.Collect(maps.Keys(entries))
	slices.SortFunc(names, func(a, b string) int {
		if d := entries[a].Offsets[0] - entries[b].Offsets[0]; d != 0 {
			return int(max(-1, min(1, d)))
		}
		return int(max(-1, min(1, entries[a].Offsets[1]-entries[b].Offsets[1])))
	})
	tensors, offset := make([]Tensor, 0, len(names)), int64(0)
	for _, name := range names {
		e := entries[name]
		if e.DType != "F32" {
			return nil, nil, fmt.Errorf("tensor %q has type %s, want F32", name, e.DType)
		}
		n := size(e.Shape)
		if n < 0 || e.Offsets[0] != offset || e.Offsets[1] != offset+4*n || e.Offsets[1] > int64(len(body)) {
			return nil, nil, fmt.Errorf("tensor %q of shape %v has offsets %v in %s of data",
				name, e.Shape, e.Offsets, count.Of(len(body), "byte"))
		}
		t := Tensor{Name: name, Shape: e.Shape, Data: make([]float32, n)}
		for i := range t.Data {
			t.Data[i] = math.Float32frombits(binary.LittleEndian.Uint32(body[offset+4*int64(i):]))
		}
		tensors = append(tensors, t)
		offset = e.Offsets[1]
	}
	if offset != int64(len(body)) {
		left := int64(len(body)) - offset
		return nil, nil, fmt.Errorf("%s %s the last tensor", count.Of(left, "byte"), count.Agree(left, "follows", "follow"))
	}
	return tensors, metadata, nil
}

// parseHeader decodes the header into the entries of the tensors, by name, and the metadata.
func parseHeader(text []byte) (map[string]entry, map[string]string, error) {
	fields, err := object(text)
	if err == nil {
		err = unicode(text)
	}
	if err != nil {
		return nil, nil, fmt.Errorf("header: %w", err)
	}
	var metadata map[string]string
	if raw, ok := fields[metadataKey]; ok && string(raw) != "null" {
		if metadata, err = parseMetadata(raw); err != nil {
			return nil, nil, fmt.Errorf("metadata: %w", err)
		}
	}
	delete(fields, metadataKey)
	entries := map[string]entry{}
	for name, raw := range fields {
		if entries[name], err = parseEntry(raw); err != nil {
			return nil, nil, fmt.Errorf("tensor %q: %w", name, err)
		}
	}
	return entries, metadata, nil
}

// unicode returns an error if a JSON text is not UTF-8 or escapes half of a surrogate pair. Package encoding/json would
// replace both.
func unicode(text []byte) error {
	if !utf8.Valid(text) {
		return errors.New("not UTF-8")
	}
	escape := func(i int) rune { // the code unit that is escaped at i, or 0
		if i+6 > len(text) || text[i] != '\\' || text[i+1] != 'u' {
			return 0
		}
		unit, _ := strconv.ParseUint(string(text[i+2:i+6]), 16, 16)
		return rune(unit)
	}
	for i := 0; i < len(text); i++ {
		if text[i] != '\\' {
			continue
		}
		if unit := escape(i); utf16.IsSurrogate(unit) {
			if utf16.DecodeRune(unit, escape(i+6)) == utf8.RuneError {
				return fmt.Errorf("%s is half of a surrogate pair", text[i:i+6])
			}
			i += 6
		}
		i++ // past the escaped character
	}
	return nil
}

func parseMetadata(raw []byte) (map[string]string, error) {
	fields, err := object(raw)
	if err != nil {
		return nil, err
	}
	metadata := map[string]string{}
	for key, value := range fields {
		if metadata[key], err = str(value); err != nil {
			return nil, fmt.Errorf("%q: %w", key, err)
		}
	}
	return metadata, nil
}

// parseEntry decodes a tensor's entry. As in the format's own library, other fields than the three are ignored.
func parseEntry(raw []byte) (e entry, err error) {
	fields, err := object(raw)
	if err != nil {
		return e, err
	}
	for _, name := range []string{"dtype", "shape", "data_offsets"} {
		if _, ok := fields[name]; !ok {
			return e, fmt.Errorf("%s is missing", name)
		}
	}
	if e.DType, err = str(fields["dtype"]); err != nil {
		return e, fmt.Errorf("dtype: %w", err)
	}
	shape, err := naturals(fields["shape"])
	if err != nil {
		return e, fmt.Errorf("shape: %w", err)
	}
	e.Shape = make([]int, len(shape))
	for i, d := range shape {
		e.Shape[i] = int(d)
	}
	offsets, err := naturals(fields["data_offsets"])
	if err != nil || len(offsets) != 2 {
		return e, fmt.Errorf("data_offsets: want two whole numbers, got %s", fields["data_offsets"])
	}
	copy(e.Offsets[:], offsets)
	return e, nil
}

// str decodes a JSON string. Package encoding/json would also decode null.
func str(raw []byte) (s string, err error) {
	if len(raw) == 0 || raw[0] != '"' {
		return "", fmt.Errorf("want a string, got %s", raw)
	}
	return s, plain.JSON(raw, json.Unmarshal(raw, &s))
}

// naturals decodes a JSON list of whole numbers from 0 on.
func naturals(raw []byte) ([]int64, error) {
	var list []json.RawMessage
	if err := json.Unmarshal(raw, &list); err != nil || list == nil {
		return nil, fmt.Errorf("want a list of whole numbers, got %s", raw)
	}
	numbers := make([]int64, len(list))
	for i, text := range list {
		n, err := strconv.ParseUint(string(text), 10, 63)
		if err != nil {
			return nil, fmt.Errorf("want whole numbers, got %s", text)
		}
		numbers[i] = int64(n)
	}
	return numbers, nil
}

// object decodes a JSON object. A repeated key is an error.
func object(text []byte) (map[string]json.RawMessage, error) {
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(text, &fields); err != nil {
		return nil, plain.JSON(text, err)
	}
	if fields == nil {
		return nil, errors.New("null is not an object")
	}
	d, keys := json.NewDecoder(bytes.NewReader(text)), 0
	if _, err := d.Token(); err != nil { // the brace
		return nil, err
	}
	for ; d.More(); keys++ {
		if _, err := d.Token(); err != nil {
			return nil, err
		}
		var value json.RawMessage
		if err := d.Decode(&value); err != nil {
			return nil, err
		}
	}
	if keys != len(fields) {
		return nil, fmt.Errorf("%s %s only %s", count.Of(keys, "entry"), count.Agree(keys, "has", "have"),
			count.Of(len(fields), "different name"))
	}
	return fields, nil
}

// size returns the number of values of a shape, or -1 if a dimension is negative or the number is too large.
func size(shape []int) int64 {
	n := int64(1)
	for _, d := range shape {
		if d < 0 || d > 0 && n > math.MaxInt32/int64(d)*16 {
			return -1
		}
		n *= int64(d)
	}
	return n
}
