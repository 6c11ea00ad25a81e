package main

import (
	"bytes"
	"fmt"
	"math/rand"
	"net/http"
	"sort"
	"sync"
	"time"
	_ "time/tzdata"
)

// The departure board of an airline: flights are kept in UTC and shown in the local time of
// the place they leave from and of the place they reach.

type airport struct {
	code, zone string
}

type flight struct {
	number   string
	from, to airport
	off      time.Time
	length   time.Duration
}

var airports = []airport{
	{"VIE", "Europe/Vienna"}, {"JFK", "America/New_York"}, {"NRT", "Asia/Tokyo"}, {"SYD", "Australia/Sydney"},
	{"GRU", "America/Sao_Paulo"}, {"CPT", "Africa/Johannesburg"}, {"DEL", "Asia/Kolkata"}, {"LAX", "America/Los_Angeles"},
	{"KEF", "Atlantic/Reykjavik"}, {"AKL", "Pacific/Auckland"}, {"CAI", "Africa/Cairo"}, {"ORD", "America/Chicago"},
}

type clock interface {
	local(t time.Time, at airport) string
}

const clockFace = "Mon 15:04 MST"

type plainClock struct{}

func (plainClock) local(t time.Time, at airport) string {
	zone, err := time.LoadLocation(at.zone) // guilty
	if err != nil {
		return t.Format(clockFace)
	}
	return t.In(zone).Format(clockFace)
}

type zoneClock struct{ zones sync.Map }

func (c *zoneClock) local(t time.Time, at airport) string {
	zone, ok := c.zones.Load(at.zone)
	if !ok {
		loaded, err := time.LoadLocation(at.zone)
		if err != nil {
			loaded = time.UTC
		}
		zone, _ = c.zones.LoadOrStore(at.zone, loaded)
	}
	return t.In(zone.(*time.Location)).Format(clockFace)
}

func schedule(n int) []flight {
	start := time.Now().UTC().Truncate(time.Hour)
	flights := make([]flight, n)
	for i := range flights {
		a := rand.Intn(len(airports))
		b := (a + 1 + rand.Intn(len(airports)-1)) % len(airports)
		flights[i] = flight{
			number: fmt.Sprintf("QX%04d", 100+i),
			from:   airports[a],
			to:     airports[b],
			off:    start.Add(time.Duration(rand.Intn(48*60)) * time.Minute),
			length: time.Duration(90+rand.Intn(700)) * time.Minute,
		}
	}
	sort.Slice(flights, func(i, j int) bool { return flights[i].off.Before(flights[j].off) })
	return flights
}

func upcoming(all []flight, after time.Time, n int) []flight {
	i := sort.Search(len(all), func(i int) bool { return all[i].off.After(after) })
	return all[i:min(i+n, len(all))]
}

func writeRow(b *bytes.Buffer, f flight, c clock) {
	leaves := c.local(f.off, f.from)
	lands := c.local(f.off.Add(f.length), f.to)
	fmt.Fprintf(b, "%s %s %-14s -> %s %-14s\n", f.number, f.from.code, leaves, f.to.code, lands)
}

func boardText(rows []flight, c clock) []byte {
	var b bytes.Buffer
	for _, f := range rows {
		writeRow(&b, f, c)
	}
	return b.Bytes()
}

func departures(broken bool, port string) {
	var c clock = &zoneClock{}
	if broken {
		c = plainClock{}
	}
	flights := schedule(900)
	serve(port, func(w http.ResponseWriter, r *http.Request) {
		window := flights[0].off.Add(time.Duration(rand.Intn(36*60)) * time.Minute)
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		w.Write(boardText(upcoming(flights, window, 80), c))
	})
}
