// Package s3 is the driver of package filesystem for paths s3://bucket/key (or s3a://): Amazon's S3 and
// object stores that speak its protocol. A program imports it for its effect:
//
//	import _ "github.com/flott-dev/flott/connect/s3"
//
// Endpoint, region and credentials are those of checkpoints in S3, and come from the environment:
// AWS_ENDPOINT_URL_S3 or AWS_ENDPOINT_URL (by default Amazon's), AWS_REGION, AWS_ACCESS_KEY_ID and
// AWS_SECRET_ACCESS_KEY, ~/.aws/credentials, or the role of the machine or pod.
//
// # Directories
//
// A directory is what keys have before a slash; it exists as long as a key does.
//
// # Writing
//
// A file is an upload in parts, which nobody sees before it is completed, at the commit:
//
//	part 1 ─ 5 MiB │ part 2 ─ 5 MiB │ … │ tail < 5 MiB
//	──────── uploaded ──────────────────┴─ in the snapshot: too short to be a part
//
// What a snapshot keeps is the upload, the entity tags of its parts, and the tail. Who goes on from it uploads the tail
// as the last part; parts that came after the snapshot are not named in the completion, and are dropped by it. A short file
// needs no upload: the snapshot has all of it, and the commit writes it with one request.
//
// # Non-obvious
//
//   - A completion that was repeated finds no upload. It has taken place if there is the object, since names are drawn at random.
//   - An upload that nobody completes or aborts costs money: that of a process which was killed before its first checkpoint, or
//     whose job was not continued. A lifecycle rule of the bucket (AbortIncompleteMultipartUpload) removes it, and must leave
//     time for a job to be restored.
//
// Data flow: connect/file reads and writes files of a bucket through it.
package s3
