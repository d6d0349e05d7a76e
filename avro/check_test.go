package avro

import (
	"io"
	"testing"
)

const mixedSchema = `{"type":"record","name":"Mixed","fields":[
	{"name":"I","type":"int"},
	{"name":"L","type":"long"},
	{"name":"B","type":"boolean"},
	{"name":"S","type":"string"},
	{"name":"D","type":"double"},
	{"name":"H","type":{"type":"fixed","name":"H","size":3}},
	{"name":"E","type":{"type":"enum","name":"E","symbols":["a","b","c"]}},
	{"name":"U","type":["null","bytes"]},
	{"name":"A","type":{"type":"array","items":{"type":"array","items":"long"}}},
	{"name":"M","type":{"type":"map","values":["string","null"]}}]}`

type mixed struct {
	I int32
	L int64
	B bool
	S string
	D float64
	H [3]byte
	E string
	U []byte
	A [][]int64
	M map[string]*string
}

// FuzzCheckAgreesWithHamba holds what task.decode builds on: hamba reads a
// payload that passed the check without an error and to its end.
func FuzzCheckAgreesWithHamba(f *testing.F) {
	c := Must(New[mixed](mixedSchema))
	s := "x"
	b, err := c.Append(nil, mixed{
		I: 70000, L: -1 << 40, B: true, S: "text", E: "c", U: []byte("u"),
		A: [][]int64{{1, 1 << 30}, {}}, M: map[string]*string{"k": &s, "l": nil},
	})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	for i := range b {
		bad := append([]byte(nil), b...)
		bad[i] ^= 0x81
		f.Add(bad)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) == 0 || c.part.program.value(b) != nil {
			return
		}
		k := newTask(c)
		k.read.Reset(b)
		var v mixed
		k.read.ReadVal(c.schema, &v)
		if err := k.read.Error; err != nil {
			t.Fatalf("the check passes %x, hamba says %v", b, err)
		}
		k.read.Error = nil
		if k.read.Peek(); k.read.Error != io.EOF {
			t.Fatalf("the check passes %x, hamba leaves some of it", b)
		}
	})
}
