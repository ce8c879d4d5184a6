package data

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"hash/crc32"
	"image"
	"image/png"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf16"

	"github.com/klauspost/compress/zstd"
)

// zipf returns n tokens below vocab, of which small ones are frequent, as those of a language.
func zipf(n, vocab int) []uint32 {
	all, state := make([]uint32, n), uint64(1)
	for i := range all {
		state = state*6364136223846793005 + 1442695040888963407
		u := float64(state>>11) / (1 << 53)
		all[i] = uint32(u * u * u * float64(vocab))
	}
	return all
}

// packed writes tokens as integers of a number of bytes.
func packed(all []uint32, width int, order binary.AppendByteOrder) (raw []byte) {
	for _, token := range all {
		switch width {
		case 1:
			raw = append(raw, byte(token))
		case 2:
			raw = order.AppendUint16(raw, uint16(token))
		case 4:
			raw = order.AppendUint32(raw, token)
		case 8:
			raw = order.AppendUint64(raw, uint64(token))
		}
	}
	return raw
}

// header returns llm.c's header.
func header(magic, version, tokens uint32) []byte {
	raw := make([]byte, llmcHeader)
	for i, word := range []uint32{magic, version, tokens} {
		binary.LittleEndian.PutUint32(raw[4*i:], word)
	}
	return raw
}

// heads are the first bytes of files, by words of their formats' names.
var heads = map[string]string{
	"NumPy":    "\x93NUMPY\x01\x00v\x00{'descr': '<u2'}",
	"bzip2":    "BZh91AY&SY",
	"xz":       "\xfd7zXZ\x00\x00\x04",
	"Parquet":  "PAR1\x15\x04\x15",
	"Arrow":    "\xff\xff\xff\xff\xa8\x01\x00\x00\x10\x00\x00\x00\x00\x00\x0a\x00",
	"HDF5":     "\x89HDF\r\n\x1a\n\x00",
	"SQLite":   "SQLite format 3\x00\x10\x00",
	"ELF":      "\x7fELF\x02\x01\x01\x00",
	"PDF":      "%PDF-1.7\n%\xe2\xe3\xcf\xd3\n",
	"Megatron": "MMIDIDX\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\x08",
	"pickle":   "\x80\x04\x95\xa8\x01\x00\x00\x00\x00\x00\x00]\x94(",
	"a Python": "\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19.\x80\x02M",
	"safetens": "\x40\x00\x00\x00\x00\x00\x00\x00" + `{"tokens":{"dtype":"U16","shape":[4000],"data_offsets":[0,8000]}}`,
	"GGUF":     "GGUF\x03\x00\x00\x00",
}

// made returns files by words of their formats' names, made by the format's own writer where Go has one.
func made(t *testing.T) map[string][]byte {
	t.Helper()
	body := packed(zipf(4000, 50257), 2, binary.LittleEndian)
	written := func(open func(w io.Writer) io.WriteCloser) []byte {
		var out bytes.Buffer
		w := open(&out)
		if _, err := w.Write(body); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		return out.Bytes()
	}
	var zipped, tarred, picture bytes.Buffer
	z := zip.NewWriter(&zipped)
	if f, err := z.Create("arr_0.npy"); err != nil {
		t.Fatal(err)
	} else if _, err := f.Write(body); err != nil {
		t.Fatal(err)
	}
	w := tar.NewWriter(&tarred)
	if err := w.WriteHeader(&tar.Header{Name: "a.bin", Size: int64(len(body)), Mode: 0o666}); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(body); err != nil {
		t.Fatal(err)
	}
	if err := png.Encode(&picture, image.NewGray(image.Rect(0, 0, 50, 50))); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	record := binary.LittleEndian.AppendUint64(nil, 8000)
	sum := crc32.Checksum(record, crc32.MakeTable(crc32.Castagnoli))
	record = binary.LittleEndian.AppendUint32(record, (sum>>15|sum<<17)+0xa282ead8)
	all := map[string][]byte{
		"gzip": written(func(w io.Writer) io.WriteCloser { return gzip.NewWriter(w) }),
		"zstd": written(func(w io.Writer) io.WriteCloser {
			encoder, err := zstd.NewWriter(w)
			if err != nil {
				t.Fatal(err)
			}
			return encoder
		}),
		"zip archive": zipped.Bytes(), "tar archive": tarred.Bytes(), "PNG": picture.Bytes(),
		"TFRecord": append(record, body...),
	}
	for name, head := range heads {
		all[name] = append([]byte(head), body...)
	}
	return all
}

// A file of a known format is neither tokens nor text, and is refused by the name of its format, with a remedy. As
// bytes, it is read.
func TestKnownFormats(t *testing.T) {
	for name, content := range made(t) {
		path := write(t, content)
		for _, s := range []Settings{&Bin{Path: at(path)}, &Bin{Path: at(path), Dtype: "uint32"}, &Text{Path: at(path)}} {
			_, surveyed := s.Survey(t.Context(), 4)
			_, opened := s.Open(4)
			_, digested := s.Digest()
			for _, err := range []error{surveyed, opened, digested} {
				if err == nil || !strings.HasPrefix(err.Error(), "path: "+path+": is ") || !strings.Contains(err.Error(), name) {
					t.Errorf("%s as %T: %v", name, s, err)
				}
			}
		}
		s, err := (&Bin{Path: at(path), Dtype: "uint8"}).Survey(t.Context(), 4)
		if err != nil || s.Files[0].Tokens != len(content) {
			t.Errorf("%s as bytes: %d tokens, %v", name, s.Files[0].Tokens, err)
		}
	}
}

// shardCase is a file that is read with a dtype.
type shardCase struct {
	name    string
	content []byte
	dtype   string
	want    string // of the message; "" if the file is read
}

func shards() []shardCase {
	gpt2, small, llama := zipf(4000, 50257), zipf(4000, 100), zipf(4000, 128256)
	little, big := binary.LittleEndian, binary.BigEndian
	var sixteen []byte
	for _, c := range utf16.Encode([]rune("\ufeff" + strings.Repeat("any text at all, ", 100))) {
		sixteen = little.AppendUint16(sixteen, c)
	}
	chinese := []byte(strings.Repeat("天地玄黃宇宙洪荒", 40))
	floats := little.AppendUint32(nil, 0)
	for i := range 400 {
		floats = little.AppendUint32(floats, uint32(0x3f800000+i<<16))
	}
	llmc := append(header(20240520, 1, 4000), packed(gpt2, 2, little)...)
	llama3 := append(header(20240801, 7, 4000), packed(llama, 4, little)...)
	return []shardCase{
		{"uint32", packed(gpt2, 4, little), "uint16", "set data.dtype to uint32"},
		{"uint32 beyond 65536", packed(llama, 4, little), "uint16", "set data.dtype to uint32"},
		{"few tokens in uint32", packed(small, 4, little), "uint16", "set data.dtype to uint32"},
		{"int64", packed(gpt2, 8, little), "uint16", "tokens of 64 bits"},
		{"int64 as uint32", packed(gpt2, 8, little), "uint32", "tokens of 64 bits"},
		{"uint16 as uint32", packed(gpt2, 2, little), "uint32", "set data.dtype to uint16"},
		{"few tokens in uint16 as uint32", packed(small, 2, little), "uint32", "set data.dtype to uint16"},
		{"one byte a token", packed(small, 1, little), "uint16", "set data.dtype to uint8"},
		{"big-endian", packed(zipf(4000, 1024), 2, big), "uint16", "big-endian"},
		{"big-endian 32", packed(gpt2, 4, big), "uint16", "big-endian"},
		{"floats", floats, "uint16", "floats"},
		{"ASCII", []byte(strings.Repeat("the cat sat on the mat. ", 40)), "uint16", "set data.name to text"},
		{"JSON", []byte(`{"tokens": [` + strings.Repeat("318, 50256, ", 100) + "1]}"), "uint16", "set data.name to text"},
		{"UTF-8", chinese, "uint16", "set data.name to text"},
		{"UTF-8 as uint32", chinese, "uint32", "set data.name to text"},
		{"UTF-16", sixteen, "uint16", "UTF-16"},
		{"all zeros", make([]byte, 4000), "uint16", "never written"},
		{"llm.c uint32", llama3, "uint16", "set data.dtype to uint32"},
		{"llm.c uint16", llmc, "uint32", "set data.dtype to uint16"},
		{"an llm.c model", header(20240326, 3, 1024), "uint16", "an llm.c model"},
		{"an unknown magic", append(header(278895051, 1, 4000), packed(gpt2, 2, little)...), "uint16", "cut the header off"},
		{"odd", packed(gpt2, 2, little)[:7999], "uint16", "7999 bytes are not a whole number of uint16"},
		{"odd uint32", packed(gpt2, 4, little)[:15998], "uint32", "15998 bytes are not a whole number of uint32"},
		{"-100 for ignored", packed(append(zipf(4000, 3000), 0xffffff9c), 4, little), "uint32", "as token 4000"},

		{"GPT-2", packed(gpt2, 2, little), "uint16", ""},
		{"few tokens", packed(small, 2, little), "uint16", ""},
		{"two tokens", packed(zipf(4000, 2), 2, little), "uint16", ""},
		{"all of uint16", packed(zipf(4000, 65536), 2, little), "uint16", ""},
		{"Llama 3", packed(llama, 4, little), "uint32", ""},
		{"Gemma 3", packed(zipf(4000, 262144), 4, little), "uint32", ""},
		{"few tokens in uint32", packed(small, 4, little), "uint32", ""},
		{"bytes", chinese, "uint8", ""},
		{"llm.c", llmc, "uint16", ""},
		{"llm.c for Llama 3", llama3, "uint32", ""},
		{"a header's word", append(header(20240520, 1, 8000), packed(small, 4, little)...), "uint16", ""},
	}
}

// Tokens that are read as another type than they were written in are refused, and the remedy is the right one.
func TestMisread(t *testing.T) {
	for _, c := range shards() {
		path := write(t, c.content)
		s := &Bin{Path: at(path), Dtype: c.dtype}
		_, err := s.Survey(t.Context(), 4)
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s: %v, want %q", c.name, err, c.want)
		}
		if _, opened := s.Open(4); (opened == nil) != (err == nil) {
			t.Errorf("%s: surveyed with %v, opened with %v", c.name, err, opened)
		}
	}
}

// The shards of testdata: see README.md there.
func TestShardsOnceMisread(t *testing.T) {
	for name, want := range map[string]string{"good_u16": "", "u32": "uint32", "npy": "NumPy", "other_magic": "278895051",
		"ascii": "text"} {
		_, err := (&Bin{Path: at("testdata/shards/" + name + ".bin")}).Survey(t.Context(), 16)
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	narrow := open(t, &Bin{Path: at("testdata/shards/good_u16.bin")}, 16)
	wide := open(t, &Bin{Path: at("testdata/shards/u32.bin"), Dtype: "uint32"}, 16)
	var a, b Batch
	narrow.Batch(&a, 1, 2, 3)
	wide.Batch(&b, 1, 2, 3)
	if narrow.Vocab() != 3001 || wide.Vocab() != 3001 || !bytes.Equal(asBytes(a.Tokens), asBytes(b.Tokens)) {
		t.Errorf("the same tokens in 16 and 32 bits are read as %v and %v", a.Tokens[:8], b.Tokens[:8])
	}
}

func asBytes(tokens []int32) (raw []byte) {
	for _, token := range tokens {
		raw = binary.LittleEndian.AppendUint32(raw, uint32(token))
	}
	return raw
}

// Megatron's tokens are bare; the index beside them says of what type they are.
func TestMegatron(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.bin")
	for code, dtype := range map[byte]string{8: "uint16", 4: "uint32", 1: "uint8", 5: ""} {
		if err := os.WriteFile(path, packed(zipf(4000, 200), 4, binary.LittleEndian), 0o666); err != nil {
			t.Fatal(err)
		}
		index := append([]byte("MMIDIDX\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00"), code, 0, 0)
		if err := os.WriteFile(strings.TrimSuffix(path, ".bin")+".idx", index, 0o666); err != nil {
			t.Fatal(err)
		}
		_, err := (&Bin{Path: at(path), Dtype: "uint32"}).Survey(t.Context(), 4)
		want := "set data.dtype to " + dtype
		if dtype == "" {
			want = "neither uint8, uint16 nor int32"
		}
		if dtype == "uint32" && err != nil || dtype != "uint32" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("type %d: %v", code, err)
		}
	}
}

// What is text and what is not, and that the bytes of a text are not judged by their language.
func TestTextOrNot(t *testing.T) {
	for _, c := range []struct{ name, content, want string }{
		{"ASCII", strings.Repeat("some words\r\n", 20), ""},
		{"UTF-8", strings.Repeat("\ufeffdéjà vu 天地 🙂\n", 20), ""},
		{"Latin-1", strings.Repeat("d\xe9j\xe0 vu\n", 20), ""},
		{"JSON lines", strings.Repeat("{\"a\": \"\\u0000\"}\n", 20), ""},
		{"a form feed and an escape", strings.Repeat("\f\x1b[31mred\x1b[0m\n", 20), ""},
		{"UTF-16", "\xff\xfea\x00b\x00", "UTF-16"},
		{"UTF-16, big-endian", "\xfe\xff\x00a\x00b", "UTF-16"},
		{"UTF-16 without a mark", strings.Repeat("a\x00b\x00", 20), "byte 1 is 0"},
		{"a late zero", strings.Repeat("a", 3<<20) + "\x00", "byte 3145728 is 0"},
	} {
		path := write(t, []byte(c.content))
		_, err := (&Text{Path: at(path), BOS: true}).Survey(t.Context(), 4)
		if c.want == "" && err != nil || c.want != "" &&
			(err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), path)) {
			t.Errorf("%s: %v, want %q", c.name, err, c.want)
		}
	}
}
