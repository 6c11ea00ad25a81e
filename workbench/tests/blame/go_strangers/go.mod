module strangers

go 1.24
