package blob

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/url"
	"os"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
)

// Bucket makes requests to a bucket.
type Bucket struct {
	minio.Core
	Name   string
	secure bool // TLS
}

// OpenBucket returns the bucket that the options name, of which Prefix and PartBytes are not used. It makes
// no request.
func OpenBucket(o S3Options) (*Bucket, error) {
	o.Endpoint = first(o.Endpoint, os.Getenv("AWS_ENDPOINT_URL_S3"), os.Getenv("AWS_ENDPOINT_URL"),
		"https://s3.amazonaws.com")
	o.Region = first(o.Region, os.Getenv("AWS_REGION"), os.Getenv("AWS_DEFAULT_REGION"))
	u, err := url.Parse(o.Endpoint)
	if err == nil && u.Host == "" {
		err = fmt.Errorf("endpoint %q is not a URL", o.Endpoint)
	}
	if err := errors.Join(err, o.validate()); err != nil {
		return nil, err
	}
	lookup := minio.BucketLookupAuto
	if o.PathStyle {
		lookup = minio.BucketLookupPath
	}
	core, err := minio.NewCore(u.Host, &minio.Options{
		Creds: o.credentials(), Secure: u.Scheme != "http", Region: o.Region, BucketLookup: lookup,
		MaxRetries: o.Retries, Transport: o.Transport,
	})
	if err != nil {
		return nil, err
	}
	return &Bucket{Core: *core, Name: o.Bucket, secure: u.Scheme != "http"}, nil
}

func (o *S3Options) validate() error {
	var errs []error
	if o.Bucket == "" {
		errs = append(errs, errors.New("the bucket has no name"))
	}
	if o.PartBytes != 0 && o.PartBytes < PartBytesMin {
		errs = append(errs, fmt.Errorf("parts of %d bytes are below the 5 MiB that S3 wants", o.PartBytes))
	}
	if (o.AccessKey == "") != (o.SecretKey == "") {
		errs = append(errs, errors.New("access key and secret key go together"))
	}
	return errors.Join(errs...)
}

// PartBytesMin is the length that the parts of an upload have at least, but for the last one.
const PartBytesMin = 5 << 20

func first(values ...string) string {
	for _, v := range values {
		if v != "" {
			return v
		}
	}
	return ""
}

func (o *S3Options) credentials() *credentials.Credentials {
	if o.AccessKey != "" {
		return credentials.NewStaticV4(o.AccessKey, o.SecretKey, o.SessionToken)
	}
	return credentials.NewChainCredentials([]credentials.Provider{
		&credentials.EnvAWS{}, &credentials.FileAWSCredentials{}, &credentials.IAM{},
	})
}

// Absent is the condition that there is no object yet.
func Absent() minio.PutObjectOptions {
	var o minio.PutObjectOptions
	o.SetMatchETagExcept("*")
	return o
}

// Put writes an object with one request.
func (b *Bucket) Put(ctx context.Context, key string, data []byte, o minio.PutObjectOptions) error {
	o.DisableContentSha256 = true
	_, err := b.PutObject(ctx, b.Name, key, bytes.NewReader(data), int64(len(data)), "", b.sum(data), o)
	return err
}

// PutPart uploads a part of an upload, and returns its entity tag.
func (b *Bucket) PutPart(ctx context.Context, key, upload string, number int, data []byte) (etag string, err error) {
	part, err := b.PutObjectPart(ctx, b.Name, key, upload, number, bytes.NewReader(data), int64(len(data)),
		minio.PutObjectPartOptions{Sha256Hex: b.sum(data), DisableContentSha256: true})
	return part.ETag, err
}

// sum is the checksum that a request is signed with, so that bodies need not be sent in signed
// chunks, which not all stores understand. TLS has checksums of its own.
func (b *Bucket) sum(data []byte) string {
	if b.secure {
		return ""
	}
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}
