package main

import (
	"errors"
	"fmt"
	"log"
	"net/http"
	_ "net/http/pprof"
	"sync"
	"sync/atomic"
	"time"
)

// Repair desk: customers leave a bicycle, one of four mechanics tunes it, the desk hands it back.

var errWrenchDrifted = errors.New("torque wrench was off, set it again")

type repairJob struct {
	ticket int64
	bolts  int
	ready  chan string
}

type repairDesk struct {
	jobs    chan *repairJob
	tickets atomic.Int64
	redone  atomic.Int64

	mu     sync.Mutex
	setAt  time.Time
	torque float64
}

// grip checks the shared wrench and sets it again when it is due.
func (d *repairDesk) grip() (float64, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if time.Since(d.setAt) > 600*time.Millisecond {
		d.setAt = time.Now()
		d.torque = 5.0
		return 0, errWrenchDrifted
	}
	d.torque += 0.0001
	return d.torque, nil
}

func (d *repairDesk) tune(job *repairJob) (string, error) {
	torque, err := d.grip()
	if err != nil {
		return "", fmt.Errorf("ticket %d: %w", job.ticket, err)
	}
	sum := 0.0
	for i := 0; i < job.bolts; i++ {
		sum += torque * float64(1+i%3)
	}
	return fmt.Sprintf("%d bolts, %.1f Nm in all", job.bolts, sum), nil
}

// mechanic works through the jobs that the desk passes on.
func (d *repairDesk) mechanic() {
	for job := range d.jobs {
		report, err := d.tune(job)
		if err != nil {
			d.redone.Add(1)
			log.Print("repair: ", err)
			continue // guilty
		}
		job.ready <- report
	}
}

// patientMechanic works through them and tunes again what went wrong.
func (d *repairDesk) patientMechanic() {
	for job := range d.jobs {
		report, err := d.tune(job)
		for errors.Is(err, errWrenchDrifted) {
			d.redone.Add(1)
			report, err = d.tune(job)
		}
		job.ready <- report
	}
}

func (d *repairDesk) leave() (*repairJob, string) {
	n := d.tickets.Add(1)
	job := &repairJob{ticket: n, bolts: 20 + int(n%30), ready: make(chan string, 1)}
	d.jobs <- job
	return job, <-job.ready
}

func (d *repairDesk) serve(w http.ResponseWriter, r *http.Request) {
	job, report := d.leave()
	fmt.Fprintf(w, "ticket %d: %s\n", job.ticket, report)
}

func runRepairDesk(broken bool, addr string) error {
	d := &repairDesk{jobs: make(chan *repairJob, 8), setAt: time.Now(), torque: 5}
	for i := 0; i < 4; i++ {
		if broken {
			go d.mechanic()
		} else {
			go d.patientMechanic()
		}
	}
	http.HandleFunc("/", d.serve)
	return http.ListenAndServe(addr, nil)
}
