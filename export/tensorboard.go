package export

import (
	"context"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io"
	"math"
	"path/filepath"
	"strconv"
	"strings"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/outcrop-lab/outcrop/store"
)

// eventFile is the name of a run's event file within its folder. TensorBoard looks for "tfevents" in it. It is the same
// in every export, so that a later export replaces an earlier one.
const eventFile = "events.out.tfevents.0.outcrop"

// writeEvents writes the measured numbers and the clock values as TensorBoard scalars, in float64, with the training
// step as the step. A tag is site/statistic/layer/head/idx, or timings/name. A part that does not apply is left out at
// the end of a tag, and "-" elsewhere. The wall time of every event is 0, because rows have no time and a result does
// not depend on it.
func writeEvents(ctx context.Context, db *store.DB, s *stage) error {
	runs, err := db.Runs()
	if err != nil {
		return err
	}
	if len(runs) == 0 {
		return errors.New("the database holds no run")
	}
	folders, err := runFolders(db, runs)
	if err != nil {
		return err
	}
	for _, f := range folders {
		err := s.write(filepath.Join(f.path, eventFile), func(w io.Writer) error {
			e := events{to: w}
			if err := e.version(); err != nil {
				return err
			}
			if err := db.Scan(ctx, store.StatisticsOf(f.run), e.row); err != nil {
				return err
			}
			return e.timings(db, f.run)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// events writes records of tensorflow.Event (event.proto, summary.proto and tensor.proto in tensorboard/compat/proto).
type events struct {
	to   io.Writer
	last string // tag of the previous row
}

// version writes the record that opens a file.
func (e *events) version() error {
	event := protowire.AppendTag(nil, 1, protowire.Fixed64Type) // Event.wall_time
	event = protowire.AppendFixed64(event, 0)
	event = protowire.AppendTag(event, 3, protowire.BytesType) // Event.file_version
	event = protowire.AppendString(event, "brain.Event:2")
	return e.record(event)
}

// row writes a row of the statistics table.
func (e *events) row(values []any) error {
	x := math.NaN()
	if v, ok := values[7].(float64); ok {
		x = v
	}
	return e.scalar(tag(values), values[6].(int64), x)
}

// timings writes a run's clock values.
func (e *events) timings(db *store.DB, run string) error {
	all, err := db.Timings(run)
	if err != nil {
		return err
	}
	for _, t := range all {
		if err := e.scalar("timings/"+t.Name, int64(t.Step), t.Value); err != nil {
			return err
		}
	}
	return nil
}

// scalar writes a value. The values of one tag must follow each other.
func (e *events) scalar(name string, step int64, x float64) error {
	packed := protowire.AppendFixed64(nil, math.Float64bits(x))
	tensor := protowire.AppendTag(nil, 1, protowire.VarintType) // TensorProto.dtype
	tensor = protowire.AppendVarint(tensor, 2)                  // DT_DOUBLE
	tensor = message(tensor, 2, nil)                            // TensorProto.tensor_shape: a scalar
	tensor = message(tensor, 6, packed)                         // TensorProto.double_val
	value := message(nil, 1, []byte(name))                      // Summary.Value.tag
	value = message(value, 8, tensor)                           // Summary.Value.tensor
	if name != e.last {
		// A tag's first value names its plugin: Summary.Value.metadata holds SummaryMetadata.plugin_data.plugin_name and
		// SummaryMetadata.data_class = DATA_CLASS_SCALAR.
		metadata := message(nil, 1, message(nil, 1, []byte("scalars")))
		metadata = protowire.AppendTag(metadata, 4, protowire.VarintType)
		metadata = protowire.AppendVarint(metadata, 1)
		value = message(value, 9, metadata)
		e.last = name
	}
	event := protowire.AppendTag(nil, 1, protowire.Fixed64Type) // Event.wall_time
	event = protowire.AppendFixed64(event, 0)
	event = protowire.AppendTag(event, 2, protowire.VarintType) // Event.step
	event = protowire.AppendVarint(event, uint64(step))
	event = message(event, 5, message(nil, 1, value)) // Event.summary, Summary.value
	return e.record(event)
}

// tag returns the name of a row's series.
func tag(values []any) string {
	parts := []string{values[1].(string), values[2].(string)}
	for _, n := range values[3:6] {
		text := "-"
		if n := n.(int64); n >= 0 {
			text = strconv.FormatInt(n, 10)
		}
		parts = append(parts, text)
	}
	for parts[len(parts)-1] == "-" && len(parts) > 2 {
		parts = parts[:len(parts)-1]
	}
	return strings.Join(parts, "/")
}

func message(b []byte, field protowire.Number, content []byte) []byte {
	return protowire.AppendBytes(protowire.AppendTag(b, field, protowire.BytesType), content)
}

// record writes a message as a TFRecord: its length, the length's checksum, the message, and the message's checksum.
func (e *events) record(event []byte) error {
	frame := binary.LittleEndian.AppendUint64(nil, uint64(len(event)))
	frame = binary.LittleEndian.AppendUint32(frame, masked(frame))
	frame = append(frame, event...)
	frame = binary.LittleEndian.AppendUint32(frame, masked(event))
	_, err := e.to.Write(frame)
	return err
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// masked returns the CRC-32C of b, rotated right by 15 bits, plus a constant (tensorflow/core/lib/hash/crc32c.h).
func masked(b []byte) uint32 {
	crc := crc32.Checksum(b, castagnoli)
	return (crc>>15 | crc<<17) + 0xa282ead8
}
