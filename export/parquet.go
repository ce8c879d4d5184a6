package export

import (
	"fmt"
	"io"
	"reflect"

	"github.com/parquet-go/parquet-go"

	"github.com/outcrop-lab/outcrop/store"
)

// rowGroup is the maximum number of encoded rows of a Parquet file in memory.
const rowGroup = 1 << 18

// batch is the number of rows passed to the writer at once.
const batch = 1 << 10

// parquetEncoder writes Parquet: integers as INT64, seeds as UINT64, reals as optional DOUBLE, strings with a
// dictionary, everything compressed with zstd.
type parquetEncoder struct {
	to      *parquet.GenericWriter[any]
	columns []store.Column
	values  []parquet.Value // of the rows not yet written
	rows    []parquet.Row
}

func newParquet(w io.Writer, t store.Table) (encoder, error) {
	fields := make([]reflect.StructField, len(t.Columns))
	for i, c := range t.Columns {
		kind, tag := reflect.TypeFor[int64](), ",zstd"
		switch c.Kind {
		case store.Unsigned:
			kind = reflect.TypeFor[uint64]()
		case store.Real:
			kind, tag = reflect.TypeFor[*float64](), ",optional,zstd"
		case store.Text:
			kind, tag = reflect.TypeFor[string](), ",dict,zstd"
		case store.Bool:
			kind = reflect.TypeFor[bool]()
		}
		fields[i] = reflect.StructField{Name: fmt.Sprint("F", i), Type: kind,
			Tag: reflect.StructTag(`parquet:"` + c.Name + tag + `"`)}
	}
	schema := parquet.NewSchema(t.Name, parquet.SchemaOf(reflect.New(reflect.StructOf(fields)).Interface()))
	e := &parquetEncoder{columns: t.Columns, values: make([]parquet.Value, 0, batch*len(t.Columns))}
	e.to = parquet.NewGenericWriter[any](w, schema, parquet.MaxRowsPerRowGroup(rowGroup),
		parquet.CreatedBy("outcrop", "", ""))
	return e, nil
}

func (e *parquetEncoder) row(values []any) error {
	start := len(e.values)
	for i, value := range values {
		v, defined := parquet.Value{}, 0
		switch x := value.(type) {
		case nil:
		case uint64:
			v = parquet.Int64Value(int64(x)) // the same 64 bits, which are unsigned by the schema
		case float64:
			v, defined = parquet.DoubleValue(x), 1
		case int64, string, bool:
			v = parquet.ValueOf(x)
		default:
			return fmt.Errorf("parquet has no type for %T", value)
		}
		e.values = append(e.values, v.Level(0, defined, i))
	}
	e.rows = append(e.rows, e.values[start:len(e.values):len(e.values)])
	if len(e.rows) == batch {
		return e.flush()
	}
	return nil
}

func (e *parquetEncoder) flush() error {
	_, err := e.to.WriteRows(e.rows)
	e.rows, e.values = e.rows[:0], e.values[:0]
	return err
}

func (e *parquetEncoder) close() error {
	if err := e.flush(); err != nil {
		return err
	}
	return e.to.Close()
}
