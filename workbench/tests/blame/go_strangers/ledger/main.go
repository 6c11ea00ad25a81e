package main

import (
	"fmt"
	"log"
	"os"
)

var programs = map[string]func(broken bool, addr string) error{
	"seat-board":    runSeatBoard,
	"basket-rates":  runBasketQuote,
	"fare-clients":   runFareFinder,
	"ledger-post":   runLedgerPost,
	"render-lease":  runRenderLease,
	"parcel-events": runParcelEvents,
}

func main() {
	if len(os.Args) != 4 {
		fmt.Fprintln(os.Stderr, "usage: blind NAME broken|healthy PORT")
		os.Exit(2)
	}
	run, ok := programs[os.Args[1]]
	if !ok {
		fmt.Fprintln(os.Stderr, "unknown program", os.Args[1])
		os.Exit(2)
	}
	log.Fatal(run(os.Args[2] == "broken", "127.0.0.1:"+os.Args[3]))
}
