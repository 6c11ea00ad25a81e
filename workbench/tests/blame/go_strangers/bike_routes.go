package main

import (
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
)

// Bike routes: finds the shortest way for a courier between two nearby corners of a big town.

const townSide = 700

type tripNotes struct {
	round uint32
	stamp []uint32 // the round in which a corner was seen
	dist  []int32
	from  []int32
	queue []int32
}

type bikeRoutes struct {
	blocked []bool
	pool    sync.Pool
	trips   atomic.Uint32
}

func newTown() *bikeRoutes {
	b := &bikeRoutes{blocked: make([]bool, townSide*townSide)}
	x := uint32(7)
	for i := range b.blocked {
		x = x*1664525 + 1013904223
		b.blocked[i] = x>>24 < 40
	}
	b.pool.New = func() any { return new(tripNotes) }
	return b
}

func (b *bikeRoutes) nextTrip() (int32, int32) {
	x := b.trips.Add(1) * 2654435761
	row, col := int32(x>>8%600)+40, int32(x>>16%600)+40
	start := row*townSide + col
	goal := (row+int32(x%9)+3)*townSide + col + int32(x>>4%9) + 3
	return start, goal
}

// search walks outward from start until it meets the goal; 0 if it gives up.
func (b *bikeRoutes) search(n *tripNotes, start, goal int32) int32 {
	n.round++
	n.queue = append(n.queue[:0], start)
	n.stamp[start], n.dist[start], n.from[start] = n.round, 0, start
	for head := 0; head < len(n.queue) && head < 1200; head++ {
		at := n.queue[head]
		if at == goal {
			return n.dist[at]
		}
		for _, step := range [4]int32{1, -1, townSide, -townSide} {
			to := at + step
			if to < 0 || int(to) >= len(b.blocked) || b.blocked[to] || n.stamp[to] == n.round {
				continue
			}
			n.stamp[to], n.dist[to], n.from[to] = n.round, n.dist[at]+1, at
			n.queue = append(n.queue, to)
		}
	}
	return 0
}

// plan borrows a note pad for one trip.
func (b *bikeRoutes) plan(start, goal int32) int32 {
	notes := b.pool.Get().(*tripNotes)
	defer b.pool.Put(notes) // guilty
	if size := len(b.blocked); len(notes.stamp) < size {
		notes = &tripNotes{
			stamp: make([]uint32, size), // guilty
			dist:  make([]int32, size),  // guilty
			from:  make([]int32, size),  // guilty
		}
	}
	return b.search(notes, start, goal)
}

// planAndReturn borrows one too and gives back the one it wrote in.
func (b *bikeRoutes) planAndReturn(start, goal int32) int32 {
	notes := b.pool.Get().(*tripNotes)
	if size := len(b.blocked); len(notes.stamp) < size {
		notes.stamp = make([]uint32, size)
		notes.dist = make([]int32, size)
		notes.from = make([]int32, size)
	}
	hops := b.search(notes, start, goal)
	b.pool.Put(notes)
	return hops
}

func corner(at int32) string { return fmt.Sprintf("%d/%d", at/townSide, at%townSide) }

func runBikeRoutes(broken bool, addr string) error {
	town := newTown()
	plan := town.planAndReturn
	if broken {
		plan = town.plan
	}
	mux := http.NewServeMux()
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		start, goal := town.nextTrip()
		hops := plan(start, goal)
		fmt.Fprintf(w, "from %s to %s: %d corners\n", corner(start), corner(goal), hops)
	})
	return http.ListenAndServe(addr, mux)
}
