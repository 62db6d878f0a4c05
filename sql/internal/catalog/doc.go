// Package catalog keeps what statements name: catalogs of databases of tables, views and functions.
//
// A catalog is in memory, or in a file that several sessions share: see Open. A Store is the catalogs of one session, with
// its temporary objects, and what names mean that are not complete.
//
// Data flow: package bind looks names up; the statements of data definition change what is there.
package catalog
