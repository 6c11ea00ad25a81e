package main

import (
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// The tariff desk quotes the price of sending a parcel. The price table of a
// zone and service is worked out by the tariff office, valid for a day, and
// remembered here.

const (
	tariffZones    = 12
	tariffServices = 4
	tariffSteps    = 1500
)

type tariffKey struct {
	zone    int
	service int
	asOf    time.Time
}

// tariffTable holds the price of each weight step.
type tariffTable struct {
	cents [tariffSteps]int64
}

func (t *tariffTable) price(grams int) int64 {
	step := grams / 20
	if step >= tariffSteps {
		step = tariffSteps - 1
	}
	return t.cents[step]
}

// tariffOffice works out tables; it sits at the other end of a line.
type tariffOffice struct{}

func (tariffOffice) table(k tariffKey) *tariffTable {
	time.Sleep(15 * time.Millisecond)
	t := &tariffTable{}
	base := int64(250 + 90*k.zone + 140*k.service)
	day := int64(k.asOf.YearDay())
	for i := range t.cents {
		t.cents[i] = base + int64(i)*int64(3+k.zone%5) + (day+int64(i))%7
	}
	return t
}

// tariffEntry is a table that is there or being fetched.
type tariffEntry struct {
	once  sync.Once
	table *tariffTable
}

// tariffShelf remembers the tables by their key.
type tariffShelf struct {
	office tariffOffice
	mu     sync.RWMutex
	today  time.Time
	tables map[tariffKey]*tariffEntry
}

func newTariffShelf() *tariffShelf {
	return &tariffShelf{tables: make(map[tariffKey]*tariffEntry)}
}

func (s *tariffShelf) entry(k tariffKey) *tariffEntry {
	s.mu.RLock()
	e, ok := s.tables[k]
	s.mu.RUnlock()
	if ok {
		return e
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.turn(k.asOf)
	e, ok = s.tables[k]
	if !ok {
		e = &tariffEntry{}
		s.tables[k] = e
	}
	return e
}

// turn puts the tables of the day before away.
func (s *tariffShelf) turn(asOf time.Time) {
	day := asOf.Truncate(24 * time.Hour)
	if !day.After(s.today) {
		return
	}
	s.today = day
	clear(s.tables)
}

func (s *tariffShelf) get(k tariffKey) *tariffTable {
	e := s.entry(k)
	e.once.Do(func() {
		e.table = s.office.table(k)
	})
	return e.table
}

// tariffParcel is what the client wants to send.
type tariffParcel struct {
	zone    int
	service int
	grams   int
	posted  time.Time
}

func (p tariffParcel) keyOfDay() tariffKey {
	return tariffKey{
		zone:    p.zone,
		service: p.service,
		asOf:    p.posted.UTC().Truncate(24 * time.Hour),
	}
}

func (p tariffParcel) keyOfPosting() tariffKey {
	return tariffKey{
		zone:    p.zone,
		service: p.service,
		asOf:    p.posted.UTC(), // guilty
	}
}

// tariffDesk quotes parcels from the shelf.
type tariffDesk struct {
	shelf *tariffShelf
	key   func(tariffParcel) tariffKey
	count atomic.Int64
}

func (d *tariffDesk) accept() tariffParcel {
	n := int(d.count.Add(1))
	return tariffParcel{
		zone:    n % tariffZones,
		service: n / tariffZones % tariffServices,
		grams:   50 + n*137%29_000,
		posted:  time.Now(),
	}
}

func (d *tariffDesk) quote(p tariffParcel) int64 {
	return d.shelf.get(d.key(p)).price(p.grams)
}

// open has the tables of the day brought before the first client comes.
func (d *tariffDesk) open() {
	for zone := 0; zone < tariffZones; zone++ {
		for service := 0; service < tariffServices; service++ {
			d.quote(tariffParcel{zone: zone, service: service, posted: time.Now()})
		}
	}
}

func quoteTariff(broken bool) http.Handler {
	desk := &tariffDesk{shelf: newTariffShelf(), key: tariffParcel.keyOfDay}
	if broken {
		desk.key = tariffParcel.keyOfPosting
	}
	desk.open()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p := desk.accept()
		cents := desk.quote(p)
		fmt.Fprintf(w, "zone %d, %d g: %d.%02d\n", p.zone, p.grams, cents/100, cents%100)
	})
}
