package main

import (
	"fmt"
	"log"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"
	_ "time/tzdata"
)

// An airline's departure board: the next flights over all stations, each with
// the departure and the arrival in the local time of its airport.

type station struct {
	code, city, zone string
}

var stations = []station{
	{"AMS", "Amsterdam", "Europe/Amsterdam"}, {"JFK", "New York", "America/New_York"},
	{"SIN", "Singapore", "Asia/Singapore"}, {"GRU", "São Paulo", "America/Sao_Paulo"},
	{"SYD", "Sydney", "Australia/Sydney"}, {"CPT", "Cape Town", "Africa/Johannesburg"},
	{"NRT", "Tokyo", "Asia/Tokyo"}, {"LIS", "Lisbon", "Europe/Lisbon"},
	{"YVR", "Vancouver", "America/Vancouver"}, {"DEL", "Delhi", "Asia/Kolkata"},
	{"AKL", "Auckland", "Pacific/Auckland"}, {"ANC", "Anchorage", "America/Anchorage"},
}

type flightLeg struct {
	number   string
	from, to int
	leaves   time.Time
	duration time.Duration
}

type boardClock interface {
	local(zone string, t time.Time) time.Time
}

// stationClock turns UTC into the wall clock of an airport.
type stationClock struct{}

func (stationClock) local(zone string, t time.Time) time.Time {
	loc, err := time.LoadLocation(zone) // guilty
	if err != nil {
		log.Printf("zone %s: %v", zone, err)
		return t
	}
	return t.In(loc)
}

// zoneClock is a stationClock that knows its zones.
type zoneClock struct {
	mu    sync.RWMutex
	zones map[string]*time.Location
}

func (z *zoneClock) local(zone string, t time.Time) time.Time {
	z.mu.RLock()
	loc := z.zones[zone]
	z.mu.RUnlock()
	if loc == nil {
		var err error
		if loc, err = time.LoadLocation(zone); err != nil {
			log.Printf("zone %s: %v", zone, err)
			return t
		}
		z.mu.Lock()
		z.zones[zone] = loc
		z.mu.Unlock()
	}
	return t.In(loc)
}

func timetable() []flightLeg {
	var legs []flightLeg
	base := time.Date(2024, 3, 30, 21, 0, 0, 0, time.UTC)
	for i := 0; i < 600; i++ {
		legs = append(legs, flightLeg{
			number:   fmt.Sprintf("KX%04d", 100+i*7),
			from:     i % len(stations),
			to:       (i*5 + 3) % len(stations),
			leaves:   base.Add(time.Duration(i) * 11 * time.Minute),
			duration: time.Duration(2+i%11) * time.Hour,
		})
	}
	return legs
}

func nextLegs(legs []flightLeg, n uint64, count int) []flightLeg {
	at := int(n*13) % (len(legs) - count)
	return legs[at : at+count]
}

func boardLine(sb *strings.Builder, c boardClock, l *flightLeg) {
	from, to := stations[l.from], stations[l.to]
	dep := c.local(from.zone, l.leaves)
	arr := c.local(to.zone, l.leaves.Add(l.duration))
	fmt.Fprintf(sb, "%s %s %-10s %s -> %s %-10s %s\n", l.number,
		dep.Format("Mon 15:04 MST"), from.city, from.code, to.code, to.city, arr.Format("Mon 15:04"))
}

func departures(broken bool) http.HandlerFunc {
	legs := timetable()
	var clock boardClock = &zoneClock{zones: map[string]*time.Location{}}
	if broken {
		clock = stationClock{}
	}
	var views atomic.Uint64
	return func(w http.ResponseWriter, r *http.Request) {
		var sb strings.Builder
		page := nextLegs(legs, views.Add(1), 150)
		for i := range page {
			boardLine(&sb, clock, &page[i])
		}
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		w.Header().Set("Content-Length", fmt.Sprint(sb.Len()))
		fmt.Fprint(w, sb.String())
	}
}
