package main

import (
	"fmt"
	"os"
	"sort"
	"strings"
)

var programs = map[string]func(broken bool, addr string) error{
	"settlement-ledger": runSettlementLedger,
	"seat-leases":       runSeatLeases,
	"clinic-agenda":     runClinicAgenda,
	"receipt-vault":     runReceiptVault,
	"fare-desk":         runFareDesk,
	"ticket-mailbox":    runTicketMailbox,
}

func main() {
	if len(os.Args) != 4 || programs[os.Args[1]] == nil || (os.Args[2] != "broken" && os.Args[2] != "healthy") {
		var names []string
		for n := range programs {
			names = append(names, n)
		}
		sort.Strings(names)
		fmt.Fprintf(os.Stderr, "usage: blind NAME broken|healthy PORT\nnames: %s\n", strings.Join(names, " "))
		os.Exit(2)
	}
	if err := programs[os.Args[1]](os.Args[2] == "broken", "127.0.0.1:"+os.Args[3]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
