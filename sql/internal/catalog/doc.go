// Package catalog keeps what statements name: catalogs of databases of tables, views and functions.
//
// Data flow: package bind looks names up; the statements of data definition change what is there.
package catalog
