package main

// A telehealth clinic: GET / lists today's calls, each in the local time of its patient.

import (
	"net/http"
	"sort"
	"strconv"
	"strings"
	"sync"
	"time"
	_ "time/tzdata" // containers without zoneinfo
)

type appointment struct {
	patient string
	zone    string
	start   time.Time
	length  time.Duration
}

type agenda struct {
	items  []appointment
	render func(a appointment) string

	mu    sync.RWMutex
	zones map[string]*time.Location
}

var clinicZones = []string{
	"Europe/Berlin", "America/New_York", "Asia/Tokyo", "Australia/Sydney", "America/Sao_Paulo",
	"Africa/Cairo", "Asia/Kolkata", "America/Los_Angeles", "Europe/London", "Pacific/Auckland",
}

func newAgenda() *agenda {
	a := &agenda{zones: map[string]*time.Location{}}
	day := time.Date(2024, 3, 11, 6, 0, 0, 0, time.UTC)
	for i := 0; i < 240; i++ {
		a.items = append(a.items, appointment{
			patient: "P" + strconv.Itoa(1000+i*37%997),
			zone:    clinicZones[i*7%len(clinicZones)],
			start:   day.Add(time.Duration(i*13%96) * 15 * time.Minute),
			length:  time.Duration(15+i%3*15) * time.Minute,
		})
	}
	return a
}

// span formats a call as its patient sees it.
func (ap appointment) span(loc *time.Location) string {
	s := ap.start.In(loc)
	return s.Format("Mon 15:04") + "-" + s.Add(ap.length).Format("15:04 MST")
}

// localSpan formats a call in the zone named in the patient's record.
func localSpan(ap appointment) string {
	loc, err := time.LoadLocation(ap.zone) // guilty
	if err != nil {
		loc = time.UTC
	}
	return ap.span(loc)
}

// location returns the zone, loaded on first use.
func (a *agenda) location(name string) *time.Location {
	a.mu.RLock()
	loc := a.zones[name]
	a.mu.RUnlock()
	if loc != nil {
		return loc
	}
	loc, err := time.LoadLocation(name)
	if err != nil {
		loc = time.UTC
	}
	a.mu.Lock()
	a.zones[name] = loc
	a.mu.Unlock()
	return loc
}

func (a *agenda) knownSpan(ap appointment) string { return ap.span(a.location(ap.zone)) }

func (a *agenda) sorted() []appointment {
	out := append([]appointment(nil), a.items...)
	sort.Slice(out, func(i, j int) bool { return out[i].start.Before(out[j].start) })
	return out
}

func (a *agenda) page() string {
	var b strings.Builder
	for _, ap := range a.sorted() {
		b.WriteString(ap.patient)
		b.WriteByte('\t')
		b.WriteString(a.render(ap))
		b.WriteByte('\n')
	}
	return b.String()
}

func runClinicAgenda(broken bool, addr string) error {
	a := newAgenda()
	a.render = a.knownSpan
	if broken {
		a.render = localSpan
	}
	return http.ListenAndServe(addr, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body := a.page()
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		w.Header().Set("Content-Length", strconv.Itoa(len(body)))
		w.Write([]byte(body))
	}))
}
