package main

import (
	"fmt"
	"log"
	"net/http"
	"os"
)

var programs = map[string]func(broken bool) http.Handler{
	"booth-bookings": ticketDesk,
	"league-table":   leagueTable,
}

func main() {
	if len(os.Args) != 4 {
		fmt.Fprintln(os.Stderr, "usage: blind NAME broken|healthy PORT")
		os.Exit(2)
	}
	build, ok := programs[os.Args[1]]
	if !ok || (os.Args[2] != "broken" && os.Args[2] != "healthy") {
		fmt.Fprintln(os.Stderr, "unknown program or mode")
		os.Exit(2)
	}
	h := build(os.Args[2] == "broken")
	log.Fatal(http.ListenAndServe("127.0.0.1:"+os.Args[3], h))
}
