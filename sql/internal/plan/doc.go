// Package plan writes the plans of jobs as files, and reads them: COMPILE PLAN and EXECUTE PLAN.
//
//	{
//	  "flottPlan": 1,                        the version of the form
//	  "options": {…},                        those of the session that the plan depends on, its time zone first of all
//	  "tables": [{"path": […], "schema": {…}, "options": {…}}],
//	  "operators": [{                        inputs first
//	    "id": 3, "uid": "…", "name": "Calc", "detail": "…", "inputs": [{"id": 2, "distribution": "HASH", "keys": [0]}],
//	    "columns": […], "changes": "+I",
//	    "operator": {"type": "calc_1", …}    or "source", "values", "sink"; see package opjson
//	  }]
//	}
//
// A plan has what the planner has decided, operator by operator: which they are, the uids and the layout of their state, their
// expressions with all types. So a planner that would decide otherwise today does not change a plan that there is, and what
// it has kept restores. A field that is left out has its zero value; one that is not known is an error.
//
// Data flow: package sql hands a plan of package physical to Write, and gets one from Open and Read.
package plan
