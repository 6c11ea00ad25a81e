package main

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"sync/atomic"
	"time"
)

// Parcel labels: gives each parcel a number and a seal; seals are chained in sheets.

const sheetSize = 64

type parcelLabel struct {
	number int64
	weight int
	sealed chan string
}

type labelPress struct {
	in    chan *parcelLabel
	last  [32]byte
	sheet int
	count atomic.Int64
}

func (p *labelPress) weigh(n int64) int { return 120 + int(n*7919%4800) }

// print seals all the labels of one sheet and hands them out.
func (p *labelPress) print(sheet []*parcelLabel) {
	if len(sheet) == 0 {
		return
	}
	p.sheet++
	for _, l := range sheet {
		line := fmt.Sprintf("%x|%d|%d|%d", p.last, p.sheet, l.number, l.weight)
		p.last = sha256.Sum256([]byte(line))
		l.sealed <- hex.EncodeToString(p.last[:6])
	}
}

// feed gathers labels and prints a sheet when it is full or its time has come.
func (p *labelPress) feed() {
	tick := time.NewTicker(40 * time.Millisecond)
	defer tick.Stop()
	var sheet []*parcelLabel
	for {
		select {
		case l := <-p.in:
			sheet = append(sheet, l)
			if len(sheet) < sheetSize {
				continue
			}
		case <-tick.C: // guilty
		}
		p.print(sheet)
		sheet = sheet[:0]
	}
}

// feedReady prints what has come in as soon as the press is free.
func (p *labelPress) feedReady() {
	var sheet []*parcelLabel
	for l := range p.in {
		sheet = append(sheet[:0], l)
		for more := true; more && len(sheet) < sheetSize; {
			select {
			case l := <-p.in:
				sheet = append(sheet, l)
			default:
				more = false
			}
		}
		p.print(sheet)
	}
}

func (p *labelPress) order() (*parcelLabel, string) {
	n := p.count.Add(1)
	l := &parcelLabel{number: n, weight: p.weigh(n), sealed: make(chan string, 1)}
	p.in <- l
	return l, <-l.sealed
}

func (p *labelPress) serve(w http.ResponseWriter, r *http.Request) {
	l, seal := p.order()
	fmt.Fprintf(w, "parcel %d, %d g, seal %s\n", l.number, l.weight, seal)
}

func runParcelLabels(broken bool, addr string) error {
	press := &labelPress{in: make(chan *parcelLabel, sheetSize)}
	if broken {
		go press.feed()
	} else {
		go press.feedReady()
	}
	mux := http.NewServeMux()
	mux.HandleFunc("/", press.serve)
	return http.ListenAndServe(addr, mux)
}
