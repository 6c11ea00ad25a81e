package main

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
)

// Where are the parcels? The day's scan events lie in a segment of
// length-prefixed records; a record is a few header lines and its event.

type scanEvent struct {
	parcel int
	depot  string
	minute int
}

type segment struct {
	raw    []byte
	decode func(rec []byte) (scanEvent, error)
}

func buildSegment(records int) []byte {
	var buf bytes.Buffer
	depots := []string{"Leipzig", "Hagen", "Lahr", "Kassel", "Bremen"}
	for i := 0; i < records; i++ {
		rec := fmt.Sprintf("scanner: S-%03d\nparcel: %d\ndepot: %s\nminute: %d\n", i%40, 1000+i%24, depots[i*3%len(depots)], i*2)
		binary.Write(&buf, binary.BigEndian, uint32(len(rec)))
		buf.WriteString(rec)
	}
	return buf.Bytes()
}

// parseEvent reads one record's lines.
func parseEvent(r *bufio.Reader) (scanEvent, error) {
	var ev scanEvent
	for {
		line, err := r.ReadSlice('\n')
		if errors.Is(err, io.EOF) {
			return ev, nil
		}
		if err != nil {
			return ev, err
		}
		name, value, _ := strings.Cut(string(line[:len(line)-1]), ": ")
		switch name {
		case "parcel":
			ev.parcel, err = strconv.Atoi(value)
		case "depot":
			ev.depot = value
		case "minute":
			ev.minute, err = strconv.Atoi(value)
		}
		if err != nil {
			return ev, err
		}
	}
}

// decodeRecord allows for records with a signature image, up to maxRecord.
const maxRecord = 64 << 10

func decodeRecord(rec []byte) (scanEvent, error) {
	r := bufio.NewReaderSize(bytes.NewReader(rec), maxRecord) // guilty
	return parseEvent(r)
}

var recordReaders = sync.Pool{New: func() any { return bufio.NewReaderSize(nil, maxRecord) }}

func decodePooled(rec []byte) (scanEvent, error) {
	r := recordReaders.Get().(*bufio.Reader)
	defer recordReaders.Put(r)
	r.Reset(bytes.NewReader(rec))
	return parseEvent(r)
}

// latest gives each parcel's last event.
func (s *segment) latest() (map[int]scanEvent, error) {
	last := make(map[int]scanEvent, 24)
	for raw := s.raw; len(raw) >= 4; {
		n := int(binary.BigEndian.Uint32(raw))
		ev, err := s.decode(raw[4 : 4+n])
		if err != nil {
			return nil, err
		}
		if ev.minute >= last[ev.parcel].minute {
			last[ev.parcel] = ev
		}
		raw = raw[4+n:]
	}
	return last, nil
}

type parcelDesk struct {
	seg *segment
	seq atomic.Int64
}

func (d *parcelDesk) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	last, err := d.seg.latest()
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	ev := last[1000+int(d.seq.Add(1)%24)]
	fmt.Fprintf(w, "parcel %d: %s at %02d:%02d (%d parcels)\n", ev.parcel, ev.depot, ev.minute/60, ev.minute%60, len(last))
}

func runParcelEvents(broken bool, addr string) error {
	seg := &segment{raw: buildSegment(120), decode: decodePooled}
	if broken {
		seg.decode = decodeRecord
	}
	return http.ListenAndServe(addr, &parcelDesk{seg: seg})
}
