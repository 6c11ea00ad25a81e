package main

import (
	"crypto/sha256"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// Street-light switching: a request flips a lamp and leaves a note for the
// control room, which is told of every switch.

type note struct {
	lamp int
	on   bool
	at   time.Time
}

type grid struct {
	mu    sync.Mutex
	lamps [512]bool
}

func (g *grid) flip(lamp int) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.lamps[lamp] = !g.lamps[lamp]
	return g.lamps[lamp]
}

// tell is one call to the control room; it takes many notes as well as one.
func tell(notes []note) int {
	time.Sleep(8 * time.Millisecond)
	return len(notes)
}

type room struct {
	notes   chan note
	told    atomic.Int64
	dropped atomic.Int64
}

func (r *room) relay() {
	for n := range r.notes {
		r.told.Add(int64(tell([]note{n}))) // guilty
	}
}

func (r *room) post(n note) {
	r.notes <- n // guilty
}

func (r *room) relayOK() {
	for n := range r.notes {
		batch := []note{n}
	fill:
		for len(batch) < 128 {
			select {
			case more := <-r.notes:
				batch = append(batch, more)
			default:
				break fill
			}
		}
		r.told.Add(int64(tell(batch)))
	}
}

func (r *room) postOK(n note) {
	select {
	case r.notes <- n:
	default:
		r.dropped.Add(1)
	}
}

// permit proves that the switch was allowed: honest work.
func permit(lamp int) [32]byte {
	sum := sha256.Sum256([]byte(fmt.Sprint("lamp ", lamp)))
	for i := 0; i < 800; i++ {
		sum = sha256.Sum256(sum[:])
	}
	return sum
}

func newLantern(broken bool) http.Handler {
	g := &grid{}
	r := &room{notes: make(chan note)}
	if broken {
		go r.relay()
	} else {
		r.notes = make(chan note, 1024)
		go r.relayOK()
	}
	var turn atomic.Int64
	mux := http.NewServeMux()
	mux.HandleFunc("/told", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintln(w, r.told.Load(), r.dropped.Load())
	})
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) {
		lamp := int(turn.Add(1)) % 512
		proof := permit(lamp)
		n := note{lamp: lamp, on: g.flip(lamp), at: time.Now()}
		if broken {
			r.post(n)
		} else {
			r.postOK(n)
		}
		fmt.Fprintf(w, "lamp %d %v %x\n", lamp, n.on, proof[:6])
	})
	return mux
}
