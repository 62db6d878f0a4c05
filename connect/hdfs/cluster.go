package hdfs

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/user"
	"strings"

	"github.com/colinmarc/hdfs/v2"
	"github.com/colinmarc/hdfs/v2/hadoopconf"
)

// defaultPort is that of a NameNode.
const defaultPort = "8020"

// clusterOf is how the cluster at hdfs://host:port is reached.
func clusterOf(root string) (hdfs.ClientOptions, error) {
	conf, err := hadoopconf.LoadFromEnvironment()
	if err != nil {
		return hdfs.ClientOptions{}, fmt.Errorf("%s: the configuration in HADOOP_CONF_DIR: %w", root, err)
	}
	o := hdfs.ClientOptionsFromConf(conf)
	if o.KerberosClient != nil {
		return o, fmt.Errorf("%s: hadoop.security.authentication in HADOOP_CONF_DIR is kerberos, which is not supported", root)
	}
	o.NamenodeDialFunc, o.DatanodeDialFunc = dialNameNode, dialDataNode
	if o.User, err = userName(); err != nil {
		return o, err
	}
	o.Addresses, err = nameNodes(conf, strings.TrimPrefix(root, "hdfs://"))
	return o, err
}

// nameNodes are the addresses that the host of a path stands for.
func nameNodes(conf hadoopconf.HadoopConf, host string) ([]string, error) {
	nodes := conf["dfs.ha.namenodes."+host]
	if nodes == "" {
		if _, _, err := net.SplitHostPort(host); err != nil {
			host = net.JoinHostPort(strings.Trim(host, "[]"), defaultPort)
		}
		return []string{host}, nil
	}
	var all []string
	for node := range strings.SplitSeq(nodes, ",") {
		key := fmt.Sprintf("dfs.namenode.rpc-address.%s.%s", host, strings.TrimSpace(node))
		if conf[key] == "" {
			return nil, fmt.Errorf("the nameservice %q has the NameNode %q, but hdfs-site.xml in HADOOP_CONF_DIR has no %s", host, node, key)
		}
		all = append(all, conf[key])
	}
	return all, nil
}

func userName() (string, error) {
	if name := os.Getenv("HADOOP_USER_NAME"); name != "" {
		return name, nil
	}
	u, err := user.Current()
	if err != nil {
		return "", errors.Join(errors.New("the user of HDFS is not known; set HADOOP_USER_NAME"), err)
	}
	return u.Username, nil
}
