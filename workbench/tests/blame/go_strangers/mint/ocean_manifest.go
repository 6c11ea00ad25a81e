package main

import (
	"fmt"
	"hash/crc32"
	"net/http"
	"sync/atomic"
	"time"
)

// The manifest office clears containers for loading. A container is looked
// at by one of the clerks; most papers are plain, some must be compared with
// the embargo list of the port of destination.

const (
	oceanClerks = 24
	oceanIntake = 64
)

type oceanContainer struct {
	number uint32
	port   string
	weight int
}

type oceanClearance struct {
	number uint32
	seal   uint32
	lane   int
}

// oceanPapers is one container on its way through the office.
type oceanPapers struct {
	box     oceanContainer
	cleared chan oceanClearance
	out     chan oceanClearance
}

// oceanOffice owns the clerks and the counter at which clearances go out.
type oceanOffice struct {
	intake chan *oceanPapers
	tray   chan *oceanPapers
	serial atomic.Uint32
}

func newOceanOffice(trayed bool) *oceanOffice {
	o := &oceanOffice{intake: make(chan *oceanPapers, oceanIntake)}
	if trayed {
		o.tray = make(chan *oceanPapers, oceanIntake)
		go o.handOut()
	}
	for i := 0; i < oceanClerks; i++ {
		go o.clerk(i % 4)
	}
	return o
}

// clerk clears one container after the other.
func (o *oceanOffice) clerk(lane int) {
	for p := range o.intake {
		time.Sleep(oceanReading(p.box))
		p.cleared <- oceanClearance{
			number: p.box.number,
			seal:   oceanSeal(p.box),
			lane:   lane,
		}
	}
}

// handOut takes the papers from the tray and gives each client his clearance.
func (o *oceanOffice) handOut() {
	for p := range o.tray {
		p.out <- <-p.cleared // guilty
	}
}

// submit puts a container in and returns the channel of its clearance.
func (o *oceanOffice) submit(box oceanContainer) <-chan oceanClearance {
	p := &oceanPapers{
		box:     box,
		cleared: make(chan oceanClearance, 1),
		out:     make(chan oceanClearance, 1),
	}
	o.intake <- p
	if o.tray == nil {
		return p.cleared
	}
	o.tray <- p
	return p.out
}

// oceanReading is how long the papers of a container take to read.
func oceanReading(box oceanContainer) time.Duration {
	if box.port == "Bandar Abbas" {
		return time.Duration(80+box.weight%41) * time.Millisecond
	}
	return time.Duration(4+box.weight%3) * time.Millisecond
}

// oceanSeal is the number stamped on the seal.
func oceanSeal(box oceanContainer) uint32 {
	text := fmt.Sprintf("%08d|%s|%d", box.number, box.port, box.weight)
	sum := crc32.ChecksumIEEE([]byte(text))
	for i := 0; i < 64; i++ {
		sum = crc32.Update(sum, crc32.IEEETable, []byte(text))
	}
	return sum
}

var oceanPorts = []string{
	"Rotterdam", "Antwerp", "Hamburg", "Felixstowe", "Le Havre",
	"Algeciras", "Valencia", "Genoa", "Piraeus", "Gdansk",
	"Shanghai", "Ningbo", "Busan", "Singapore", "Port Klang",
	"Colombo", "Santos", "Savannah", "Houston", "Bandar Abbas",
}

// next makes up the container that stands at the gate.
func (o *oceanOffice) next() oceanContainer {
	n := o.serial.Add(1)
	return oceanContainer{
		number: n,
		port:   oceanPorts[int(n)%len(oceanPorts)],
		weight: 2000 + int(n*37%24000),
	}
}

func oceanManifest(broken bool) http.Handler {
	office := newOceanOffice(broken)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		box := office.next()
		select {
		case c := <-office.submit(box):
			fmt.Fprintf(w, "container %d lane %d seal %08x\n", c.number, c.lane, c.seal)
		case <-r.Context().Done():
		}
	})
}
