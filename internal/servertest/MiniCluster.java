import java.io.BufferedReader;
import java.io.File;
import java.io.InputStreamReader;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.Path;
import org.apache.hadoop.fs.permission.FsPermission;
import org.apache.hadoop.hdfs.MiniDFSCluster;

/**
 * A cluster of HDFS in one process: a NameNode and two DataNodes. Its arguments are a directory and the port of the NameNode.
 * Each line of its input is a command, each line of its output says that one is done, the first that the cluster is ready.
 */
public class MiniCluster {
  public static void main(String[] args) throws Exception {
    Configuration c = new Configuration();
    c.set(MiniDFSCluster.HDFS_MINIDFS_BASEDIR, new File(args[0]).getAbsolutePath());
    c.setInt("dfs.replication", 2);
    c.setLong("dfs.blocksize", 1 << 20);
    c.set("dfs.heartbeat.interval", "300ms"); // a DataNode meets a NameNode that is back this fast
    c.setInt("dfs.namenode.handler.count", 4);
    c.setInt("dfs.namenode.safemode.extension", 0);
    c.setInt("ipc.client.connect.retry.interval", 50);
    MiniDFSCluster cluster = new MiniDFSCluster.Builder(c).numDataNodes(2).nameNodePort(Integer.parseInt(args[1])).build();
    cluster.waitActive();
    cluster.getFileSystem().setPermission(new Path("/"), new FsPermission((short) 0777));
    System.out.println("ready");
    MiniDFSCluster.DataNodeProperties stopped = null;
    BufferedReader in = new BufferedReader(new InputStreamReader(System.in));
    for (String line; (line = in.readLine()) != null; System.out.println(line)) {
      switch (line) {
        case "stop the NameNode": cluster.shutdownNameNode(0); break;
        case "start the NameNode": cluster.restartNameNode(0, false); break;
        case "stop a DataNode": stopped = cluster.stopDataNode(0); break;
        case "start a DataNode": cluster.restartDataNode(stopped, true); cluster.waitActive(); break;
        case "wait": cluster.waitActive(); break;
        default: throw new IllegalArgumentException(line);
      }
    }
    Runtime.getRuntime().halt(0);
  }
}
