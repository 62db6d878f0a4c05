package config

import "math"

// What is left of jobs that have ended.
var (
	JobStoreCapacity = define(Int(Doc{
		Key: "jobstore.max-capacity", Default: "100",
		Text: "How many jobs that have ended the JobManager shows. In Flink there is no limit.",
	}, 1, math.MaxInt32))
	JobStoreExpiration = define(Int(Doc{
		Key:  "jobstore.expiration-time",
		Text: "For how many seconds from its end the JobManager shows a job. By default only their number is limited; Flink's default is 3600.",
	}, 1, math.MaxInt32))
	ArchiveDir = define(Text(Doc{
		Key: "jobmanager.archive.fs.dir", Aliases: []string{"historyserver.archive.fs.dir"},
		Text: "Where jobs that have ended are archived, each in a file: a path, `file:///path` or `s3://bucket/prefix`. A JobManager that is started anew " +
			"shows the newest of them, `flott history --archive` all. By default there are no archives.",
	}))
	ArchivesRetained = define(Int(Doc{
		Key: "historyserver.archive.retained-jobs", Default: "-1",
		Text: "Of how many jobs archives are kept, the newest ones; -1 is of all.",
	}, -1, math.MaxInt32))
	ArchivesTTL = define(Duration(Doc{
		Key:  "historyserver.archive.retained-ttl",
		Text: "For how long archives are kept, from the end of the job. By default they are not deleted for their age.",
	}))
)
