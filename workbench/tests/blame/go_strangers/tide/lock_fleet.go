package main

// Lock fleet: one session goroutine for each smart lock that is connected;
// the web side asks a session for the state of its lock.

import (
	"bytes"
	"encoding/json"
	"net/http"
	"runtime"
	"sync/atomic"
	"time"
)

const connectedLocks = 16000

type lockState struct {
	Lock    int    `json:"lock"`
	Battery int    `json:"battery"`
	Bolt    string `json:"bolt"`
	Asked   int    `json:"asked"`
}

type lockSession struct {
	id    int
	asks  chan chan lockState
	asked int
}

type fleetCensus struct {
	Sessions int `json:"sessions"`
	Idle     int `json:"idle"`
	Busy     int `json:"busy"`
}

type lockHub struct {
	sessions []*lockSession
	busy     atomic.Int64
	census   atomic.Pointer[fleetCensus]
	seq      atomic.Uint64
}

func (h *lockHub) serveLock(s *lockSession) {
	for reply := range s.asks {
		h.busy.Add(1)
		s.asked++
		st := lockState{Lock: s.id, Battery: 100 - (s.id*13+s.asked)%70, Bolt: "closed", Asked: s.asked}
		if (s.id+s.asked)%5 == 0 {
			st.Bolt = "open"
		}
		reply <- st
		h.busy.Add(-1)
	}
}

// countByState reads the sessions' states from the runtime itself, so that
// the figures cannot drift from what is really going on.
func (h *lockHub) countByState(buf []byte) *fleetCensus {
	n := runtime.Stack(buf, true) // guilty
	c := &fleetCensus{}
	for _, g := range bytes.Split(buf[:n], []byte("\n\n")) {
		if !bytes.Contains(g, []byte("serveLock")) {
			continue
		}
		c.Sessions++
		head, _, _ := bytes.Cut(g, []byte("\n"))
		if bytes.Contains(head, []byte("[chan receive")) {
			c.Idle++
		} else {
			c.Busy++
		}
	}
	return c
}

func (h *lockHub) countByCounter() *fleetCensus {
	busy := int(h.busy.Load())
	return &fleetCensus{Sessions: len(h.sessions), Idle: len(h.sessions) - busy, Busy: busy}
}

func (h *lockHub) publishCensus(every time.Duration, broken bool) {
	var buf []byte
	if broken {
		buf = make([]byte, 12<<20)
	}
	for range time.Tick(every) {
		if broken {
			h.census.Store(h.countByState(buf))
		} else {
			h.census.Store(h.countByCounter())
		}
	}
}

func (h *lockHub) ask(id int) lockState {
	reply := make(chan lockState, 1)
	h.sessions[id].asks <- reply
	return <-reply
}

func lockFleet(broken bool) http.HandlerFunc {
	hub := &lockHub{}
	hub.census.Store(&fleetCensus{})
	for i := range connectedLocks {
		s := &lockSession{id: i, asks: make(chan chan lockState)}
		hub.sessions = append(hub.sessions, s)
		go hub.serveLock(s)
	}
	go hub.publishCensus(400*time.Millisecond, broken)
	return func(w http.ResponseWriter, r *http.Request) {
		n := hub.seq.Add(1)
		st := hub.ask(int(n * 31 % connectedLocks))
		w.Header().Set("Content-Type", "application/json")
		json.NewEncoder(w).Encode(struct {
			lockState
			Fleet *fleetCensus `json:"fleet"`
		}{st, hub.census.Load()})
	}
}
