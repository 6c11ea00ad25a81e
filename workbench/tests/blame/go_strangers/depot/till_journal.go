package main

// A till. Each sale prints a receipt and goes into the journal the tax office
// wants to see; full journal segments are archived compressed.

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"
)

const segmentSize = 512 << 10

type archive struct {
	mu       sync.Mutex
	segments [][]byte
}

func (a *archive) store(packed []byte) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.segments = append(a.segments, packed)
	if len(a.segments) > 6 {
		a.segments = append([][]byte(nil), a.segments[1:]...)
	}
}

type journal struct {
	mu      sync.Mutex
	open    *bytes.Buffer
	closed  int
	archive archive
	full    chan *bytes.Buffer
	rotate  func(j *journal)
}

func (j *journal) record(entry []byte) (segment int) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.open.Write(entry)
	segment = j.closed
	if j.open.Len() >= segmentSize {
		j.rotate(j)
	}
	return segment
}

func newSegment() *bytes.Buffer {
	return bytes.NewBuffer(make([]byte, 0, segmentSize+16<<10))
}

// rollSegment closes the open segment and starts the next. Called with mu held.
func rollSegment(j *journal) {
	var out bytes.Buffer
	zw, _ := gzip.NewWriterLevel(&out, gzip.BestCompression)
	zw.Write(j.open.Bytes()) // guilty
	zw.Close()               // guilty
	j.archive.store(out.Bytes())
	j.open.Reset()
	j.closed++
}

// passSegment hands the open segment to the archivist. Called with mu held.
func passSegment(j *journal) {
	j.full <- j.open
	j.open = newSegment()
	j.closed++
}

func (j *journal) archivist() {
	for seg := range j.full {
		var out bytes.Buffer
		zw, _ := gzip.NewWriterLevel(&out, gzip.BestCompression)
		zw.Write(seg.Bytes())
		zw.Close()
		j.archive.store(out.Bytes())
	}
}

type saleLine struct {
	article string
	count   int
	cents   int
}

func basketFor(n int64) []saleLine {
	goods := []string{"rye bread", "oat milk", "leek", "coffee", "apples", "soap", "matches", "tea", "rice"}
	x := uint64(n)*0x9e3779b97f4a7c15 + 1
	lines := make([]saleLine, 70)
	for i := range lines {
		x ^= x << 13
		x ^= x >> 7
		x ^= x << 17
		lines[i] = saleLine{goods[x%uint64(len(goods))], int(x>>8%5) & 3, int(x >> 20 % 100000 & 0xffff)}
	}
	return lines
}

func encodeSale(n int64, lines []saleLine) []byte {
	out := make([]byte, 0, 8<<10)
	for i, l := range lines {
		out = append(out, `{"sale":`...)
		out = strconv.AppendInt(out, n, 10)
		out = append(out, `,"line":`...)
		out = strconv.AppendInt(out, int64(i), 10)
		out = append(out, `,"article":"`...)
		out = append(out, l.article...)
		out = append(out, `","count":`...)
		out = strconv.AppendInt(out, int64(l.count+1), 10)
		out = append(out, `,"cents":`...)
		out = strconv.AppendInt(out, int64(l.cents), 10)
		out = append(out, "}\n"...)
	}
	return out
}

func total(lines []saleLine) (cents int) {
	for _, l := range lines {
		cents += (l.count + 1) * l.cents
	}
	return cents
}

func tillJournal(broken bool) http.Handler {
	j := &journal{open: newSegment(), full: make(chan *bytes.Buffer, 64), rotate: passSegment}
	if broken {
		j.rotate = rollSegment
	} else {
		go j.archivist()
	}
	var sales atomic.Int64
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n := sales.Add(1)
		lines := basketFor(n)
		segment := j.record(encodeSale(n, lines))
		io.WriteString(w, fmt.Sprintf("sale %d: %d lines, %d cents, journal %d\n", n, len(lines), total(lines), segment))
	})
}
