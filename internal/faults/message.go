package faults

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/waterspout/waterspout/internal/frame"
)

// A message is one of NATS's protocol, in either direction.
type message struct {
	raw []byte // of one without a payload: the line as it came

	words   []string // of the line, without the sizes
	header  []byte   // of HPUB and HMSG
	payload []byte
	kind    frame.Kind // 0: it is no frame
}

// most is the largest payload that is believed.
const most = 64 << 20

func readMessage(r *bufio.Reader) (m message, err error) {
	line, err := r.ReadBytes('\n')
	if err != nil {
		return m, err
	}
	words := strings.Fields(string(line))
	sizes := 0
	if len(words) > 0 {
		switch strings.ToUpper(words[0]) {
		case "PUB", "MSG":
			sizes = 1
		case "HPUB", "HMSG":
			sizes = 2
		}
	}
	if sizes == 0 {
		return message{raw: line}, nil
	}
	return readPayload(r, words, sizes)
}

func readPayload(r *bufio.Reader, words []string, sizes int) (m message, err error) {
	if len(words) < 2+sizes {
		return m, fmt.Errorf("faults: line %q is too short", words)
	}
	m.words = words[:len(words)-sizes]
	var n [2]int // of the header, and of all
	for i, word := range words[len(m.words):] {
		if n[2-sizes+i], err = strconv.Atoi(word); err != nil {
			return m, fmt.Errorf("faults: line %q: %w", words, err)
		}
	}
	if n[0] < 0 || n[1] < n[0] || n[1] > most {
		return m, fmt.Errorf("faults: line %q has sizes that cannot be", words)
	}
	body := make([]byte, n[1]+len("\r\n"))
	if _, err := io.ReadFull(r, body); err != nil {
		return m, err
	}
	m.header, m.payload = body[:n[0]:n[0]], body[n[0]:n[1]:n[1]]
	m.kind = m.sort()
	return m, nil
}

// sort is what kind of frame m is: only the subjects of workers carry frames. A
// frame that was cut into several messages is none here.
func (m message) sort() frame.Kind {
	parts := strings.Split(m.words[1], ".")
	if len(parts) != 4 || parts[3] != "data" && parts[3] != "control" || len(m.header) > 0 {
		return 0
	}
	h, _, _, err := frame.Open(m.payload)
	if err != nil {
		return 0
	}
	return h.Kind
}

// load is how many tuples, pairs and failures are in a frame.
func (m message) load() (n int) {
	h, _, body, err := frame.Open(m.payload)
	switch {
	case err != nil:
	case h.Kind == frame.Acks:
		if pairs, fails, err := frame.DecodeAcks(body, nil, nil); err == nil {
			n = len(pairs) + len(fails)
		}
	case h.Kind == frame.Data:
		for len(body) > 0 {
			s, rest, err := frame.NextSection(body)
			if err != nil {
				break
			}
			n, body = n+s.Count, rest
		}
	}
	return n
}

func (m message) encode() []byte {
	if m.raw != nil {
		return m.raw
	}
	var b bytes.Buffer
	b.WriteString(strings.Join(m.words, " "))
	if strings.HasPrefix(strings.ToUpper(m.words[0]), "H") {
		fmt.Fprintf(&b, " %d", len(m.header))
	}
	fmt.Fprintf(&b, " %d\r\n", len(m.header)+len(m.payload))
	b.Write(m.header)
	b.Write(m.payload)
	b.WriteString("\r\n")
	return b.Bytes()
}
