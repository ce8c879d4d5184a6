package data

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"unicode/utf8"

	"github.com/outcrop-lab/outcrop/count"
)

// format is a kind of file in which neither tokens nor text stand bare.
type format struct {
	name   string
	magic  string // the bytes at place at
	at     int
	remedy string
}

const (
	unpack = "unpack it first"
	export = "write its token ids as bare integers, such as NumPy's astype('<u2').tofile, or its text as UTF-8"
)

// formats lists the files that are known by the bytes that they start with. Each magic has bytes that no text has, or
// is long enough that no tokens hit upon it.
var formats = []format{
	{"a NumPy array", "\x93NUMPY", 0, "write it bare: numpy.load(file).astype('<u2').tofile('tokens.bin')"},
	{"a zip archive (npz, PyTorch, docx, ...)", "PK\x03\x04", 0, unpack},
	{"an empty zip archive", "PK\x05\x06", 0, "name another file"},
	{"compressed by gzip", "\x1f\x8b\x08", 0, unpack},
	{"compressed by zstd", "\x28\xb5\x2f\xfd", 0, unpack},
	{"compressed by bzip2", "1AY&SY", 4, unpack},
	{"compressed by xz", "\xfd7zXZ\x00", 0, unpack},
	{"compressed by lz4", "\x04\x22\x4d\x18", 0, unpack},
	{"a 7z archive", "7z\xbc\xaf\x27\x1c", 0, unpack},
	{"a tar archive", "ustar", 257, unpack},
	{"a Parquet table", "PAR1\x15", 0, export},
	{"an Arrow table", "ARROW1\x00\x00", 0, export},
	{"a Feather table", "FEA1\x00", 0, export},
	{"an Avro file", "Obj\x01", 0, export},
	{"an HDF5 file", "\x89HDF\r\n\x1a\n", 0, export},
	{"an SQLite database", "SQLite format 3\x00", 0, export},
	{"the index of Megatron's tokens", "MMIDIDX\x00\x00", 0, "name the .bin beside it"},
	{"the index of Megatron's tokens", "TNTIDX\x00\x00", 0, "name the .bin beside it"},
	{"a GGUF model", "GGUF\x02\x00\x00\x00", 0, export},
	{"a GGUF model", "GGUF\x03\x00\x00\x00", 0, export},
	{"an ELF program", "\x7fELF", 0, export},
	{"a PDF document", "%PDF-", 0, "write its text into a file"},
	{"a PNG image", "\x89PNG\r\n\x1a\n", 0, export},
	{"a JPEG image", "\xff\xd8\xff\xe0\x00\x10", 0, export},
	{"a MIDI file", "MThd\x00\x00\x00\x06", 0, export},
}

// known returns an error that names the format of a file that starts with head and has size bytes, or nil if it is of
// none that is known.
func known(head []byte, size int64) error {
	for _, f := range formats {
		if len(head) > f.at && bytes.HasPrefix(head[f.at:], []byte(f.magic)) {
			return fmt.Errorf("is %s: %s", f.name, f.remedy)
		}
	}
	if len(head) < 16 {
		return nil
	}
	switch {
	case isSafetensors(head, size):
		return fmt.Errorf("is a safetensors file: %s", export)
	case isPickle(head, size):
		return fmt.Errorf("is a Python pickle: %s", export)
	case bytes.HasPrefix(head, []byte("\xff\xff\xff\xff")) && bytes.HasPrefix(head[8:], []byte("\x10\x00\x00\x00")):
		return fmt.Errorf("is an Arrow stream: %s", export)
	case isTFRecord(head):
		return fmt.Errorf("is a TFRecord file: %s", export)
	}
	return nil
}

// isSafetensors reports whether the file starts with the size of a JSON object and that object.
func isSafetensors(head []byte, size int64) bool {
	n := binary.LittleEndian.Uint64(head)
	return n >= 2 && n <= uint64(size)-8 && head[8] == '{' && bytes.IndexByte([]byte("\"} \n"), head[9]) >= 0
}

// isPickle reports whether the file is a pickle of protocol 2 to 5: after the protocol, it starts with a frame, a list
// or a dict, the name of a class, or the number with which PyTorch begins.
func isPickle(head []byte, size int64) bool {
	if head[0] != 0x80 || head[1] < 2 || head[1] > 5 {
		return false
	}
	switch rest := head[2:]; rest[0] {
	case 0x95:
		return binary.LittleEndian.Uint64(rest[1:]) <= uint64(size)
	case ']', '}':
		return rest[1] == 'q'
	case 'c':
		return isText(rest[1:8])
	default:
		return rest[0] == 0x8a && rest[1] == 10
	}
}

// isTFRecord reports whether the file starts with a length, not 0, and the masked CRC-32C of that length.
func isTFRecord(head []byte) bool {
	sum := crc32.Checksum(head[:8], crc32.MakeTable(crc32.Castagnoli))
	return binary.LittleEndian.Uint64(head) > 0 && binary.LittleEndian.Uint32(head[8:]) == (sum>>15|sum<<17)+0xa282ead8
}

// isUTF16 reports whether the file starts with a byte-order mark of UTF-16 or UTF-32.
func isUTF16(head []byte) bool {
	return bytes.HasPrefix(head, []byte("\xff\xfe")) || bytes.HasPrefix(head, []byte("\xfe\xff")) ||
		bytes.HasPrefix(head, []byte("\x00\x00\xfe\xff"))
}

// isText reports whether the bytes are text: at least 95 % of them printable ASCII or white space, or all of them UTF-8
// without control characters.
func isText(head []byte) bool {
	plain, control := 0, 0
	for _, b := range head {
		switch {
		case b >= ' ' && b < 0x7f || b == '\n' || b == '\t' || b == '\r':
			plain++
		case b < ' ' || b == 0x7f:
			control++
		}
	}
	if 20*plain >= 19*len(head) {
		return true
	}
	for range min(len(head), utf8.UTFMax-1) { // the last character may be cut off
		if utf8.Valid(head) {
			break
		}
		head = head[:len(head)-1]
	}
	return control == 0 && utf8.Valid(head)
}

// fewest is the number of tokens from which their values are believed to tell their type.
const fewest = 32

// misread returns an error if bytes that are read as tokens of the given width look as if they were something else. The
// remedies name data.dtype, or the header with which a file says itself what it holds.
func misread(head []byte, width int) error {
	t := tokens{head[:len(head)/width*width], width}
	if t.len() < fewest {
		return nil
	}
	if isText(head) {
		return fmt.Errorf("is text, not tokens: set data.name to text, or name the file of its tokens")
	}
	var largest [4]int32 // by the place in a group of four
	for i := range t.len() {
		largest[i%4] = max(largest[i%4], t.at(i))
	}
	even, odd := max(largest[0], largest[2]), max(largest[1], largest[3])
	looks := func(like, remedy string) error {
		return fmt.Errorf("looks like %s: %s (a file with llm.c's header, magic %d, is taken at its word)",
			like, remedy, llmcMagics[width])
	}
	switch {
	case even == 0 && odd == 0:
		return looks("a file that was never written, because all is 0", "write its tokens")
	case width == 2 && isUTF16(head) && 20*matching(t, func(token int32) bool { return token < 0x600 }) > 19*t.len():
		return looks("UTF-16 text", "set data.name to text, with a file that iconv -f UTF-16 -t UTF-8 made of it")
	case width == 4 && even > 0 && odd == 0 || width == 2 && largest[0] > 0 && max(odd, largest[2]) == 0:
		return looks("tokens of 64 bits", "write them smaller, as NumPy's astype('<u2').tofile does")
	case width == 2 && (even > 0 && odd == 0 || even >= 256 && odd <= 3):
		return looks("uint32 tokens, because every second uint16 is "+smallest(odd), "set data.dtype to uint32")
	case width == 2 && even == 0 && odd > 0:
		return looks("numbers of 32 bits, floats or big-endian, because every other uint16 is 0",
			"write little-endian integers, as NumPy's astype('<u2').tofile does")
	case width == 4 && 2*matching(t, func(token int32) bool { return token < 0 || token >= 1<<18 }) > t.len():
		return looks("uint16 tokens, because most of the uint32 are beyond 262,144", "set data.dtype to uint16")
	case width == 4:
		return nil
	}
	low, high := int32(0), int32(0)
	for i := range t.len() {
		low, high = max(low, t.at(i)&255), max(high, t.at(i)>>8)
	}
	switch {
	case low < 16 && high >= 128:
		return looks("big-endian tokens", "write them little-endian, as NumPy's astype('<u2').tofile does")
	case low < 128 && high < 128 && 2*high >= low && high > 0:
		return looks("tokens of one byte", "set data.dtype to uint8")
	}
	return nil
}

func smallest(most int32) string {
	if most == 0 {
		return "0"
	}
	return fmt.Sprintf("at most %d", most)
}

// matching returns how many of the tokens are such.
func matching(t tokens, such func(token int32) bool) (n int) {
	for i := range t.len() {
		if such(t.at(i)) {
			n++
		}
	}
	return n
}

// The header of llm.c is 256 int32: the magic, the version, the number of tokens, and padding.
const llmcHeader = 1024 // bytes

// llmcMagics holds the magic of llm.c's shards by the width of their tokens, and llmcVersions their versions.
var (
	llmcMagics   = map[int]uint32{2: 20240520, 4: 20240801}
	llmcVersions = map[int]uint32{2: 1, 4: 7}
)

// otherMagics are the magics of llm.c's other files. Read as two uint16, each begins with a token above 55,000, beyond
// GPT-2's vocabulary.
var otherMagics = map[uint32]string{
	20240326: "an llm.c model",
	20240327: "an llm.c file for debugging",
	20240328: "an llm.c tokenizer",
	20240522: "an llm.c evaluation file",
	20240527: "an llm.c optimizer state",
}

// headerOf returns the number of bytes before the first token of a file of tokens: those of llm.c's header, or 0. It
// returns an error if the header says something else than the width, or than the file's size.
func headerOf(head []byte, size int64, width int) (skip int, err error) {
	if len(head) < 4 {
		return 0, nil
	}
	magic := binary.LittleEndian.Uint32(head)
	if kind, ok := otherMagics[magic]; ok {
		return 0, fmt.Errorf("is %s (magic %d), not a shard of tokens: name a shard", kind, magic)
	}
	for of, known := range llmcMagics {
		switch {
		case magic != known:
			continue
		case of != width:
			return 0, fmt.Errorf("is an llm.c shard of uint%d tokens (magic %d): set data.dtype to uint%[1]d", 8*of, magic)
		case len(head) < llmcHeader:
			return 0, fmt.Errorf("is truncated: an llm.c header takes %s, the file has %d", count.Of(llmcHeader, "byte"), size)
		}
		version, said := binary.LittleEndian.Uint32(head[4:]), int64(binary.LittleEndian.Uint32(head[8:]))
		if version != llmcVersions[of] {
			return 0, fmt.Errorf("is an llm.c shard of version %d; only version %d (uint%d) is read",
				version, llmcVersions[of], 8*of)
		}
		if have := (size - llmcHeader) / int64(of); have != said || size%int64(of) != 0 || said == 0 {
			return 0, fmt.Errorf("is truncated or damaged: its header says %s, the file holds %d",
				count.Of(said, "token"), have)
		}
		return llmcHeader, nil
	}
	if len(head) < llmcHeader {
		return 0, nil
	}
	after, said := size-llmcHeader, int64(binary.LittleEndian.Uint32(head[8:]))
	if said > 0 && (after == 2*said || after == 4*said) {
		return 0, fmt.Errorf("starts with a header of %s as llm.c's, but its magic %d is unknown: "+
			"give it the magic %d, or cut the header off with `tail -c +%d`",
			count.Of(llmcHeader, "byte"), magic, llmcMagics[width], llmcHeader+1)
	}
	return 0, nil
}
