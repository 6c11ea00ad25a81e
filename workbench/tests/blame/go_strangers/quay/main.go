package main

import (
	"fmt"
	"os"
)

var programs = map[string]func(broken bool, addr string) error{
	"iban-ledger":  ledgerPost,
	"cart-totals":  cartTotals,
	"stock-tags": stockLookup,
	"price-feed":   priceFeed,
}

func main() {
	if len(os.Args) != 4 || programs[os.Args[1]] == nil {
		fmt.Fprintln(os.Stderr, "usage: blind NAME broken|healthy PORT")
		os.Exit(2)
	}
	err := programs[os.Args[1]](os.Args[2] == "broken", "127.0.0.1:"+os.Args[3])
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}
