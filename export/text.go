package export

import (
	"bufio"
	"encoding/csv"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"strconv"

	"github.com/outcrop-lab/outcrop/store"
)

// csvEncoder writes CSV (RFC 4180) with a header, and values as Field formats them.
type csvEncoder struct {
	to     *csv.Writer
	fields []string
}

func newCSV(w io.Writer, t store.Table) (encoder, error) {
	e := &csvEncoder{csv.NewWriter(w), make([]string, len(t.Columns))}
	for i, c := range t.Columns {
		e.fields[i] = c.Name
	}
	return e, e.to.Write(e.fields)
}

func (e *csvEncoder) row(values []any) error {
	for i, value := range values {
		e.fields[i] = Field(value)
	}
	return e.to.Write(e.fields)
}

// Field formats a value from a database as text. A number becomes the shortest text that reads back as the same number,
// and an infinite number becomes inf or -inf. A missing value becomes the empty string, and bytes are written in
// hexadecimal.
func Field(value any) string {
	switch v := value.(type) {
	case nil:
		return ""
	case int64:
		return strconv.FormatInt(v, 10)
	case float64:
		switch {
		case math.IsInf(v, 1):
			return "inf"
		case math.IsInf(v, -1):
			return "-inf"
		}
		return strconv.FormatFloat(v, 'g', -1, 64)
	case string:
		return v
	case []byte:
		return hex.EncodeToString(v)
	}
	return fmt.Sprint(value)
}

func (e *csvEncoder) close() error {
	e.to.Flush()
	return e.to.Error()
}

// jsonlEncoder writes one object per line, with its keys in the order of the columns. JSON has no infinities, so they
// become the strings "Infinity" and "-Infinity", as in protobuf's JSON mapping.
type jsonlEncoder struct {
	to      *bufio.Writer
	columns []store.Column
	line    []byte
}

func newJSONL(w io.Writer, t store.Table) (encoder, error) {
	return &jsonlEncoder{to: bufio.NewWriter(w), columns: t.Columns}, nil
}

func (e *jsonlEncoder) row(values []any) error {
	b := e.line[:0]
	for i, value := range values {
		if i == 0 {
			b = append(b, '{')
		} else {
			b = append(b, ',')
		}
		b = strconv.AppendQuote(b, e.columns[i].Name)
		b = append(b, ':')
		switch v := value.(type) {
		case nil:
			b = append(b, "null"...)
		case int64:
			b = strconv.AppendInt(b, v, 10)
		case uint64:
			b = strconv.AppendUint(b, v, 10)
		case float64:
			switch {
			case math.IsInf(v, 1):
				b = append(b, `"Infinity"`...)
			case math.IsInf(v, -1):
				b = append(b, `"-Infinity"`...)
			default:
				b = strconv.AppendFloat(b, v, 'g', -1, 64)
			}
		case string:
			text, err := json.Marshal(v)
			if err != nil {
				return err
			}
			b = append(b, text...)
		case bool:
			b = strconv.AppendBool(b, v)
		default:
			return fmt.Errorf("json has no type for %T", value)
		}
	}
	e.line = append(b, '}', '\n')
	_, err := e.to.Write(e.line)
	return err
}

func (e *jsonlEncoder) close() error { return e.to.Flush() }
