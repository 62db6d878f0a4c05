import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.ResultSet;
import java.sql.ResultSetMetaData;
import java.sql.Statement;

/** Runs the statements of its arguments at the URL of the first one, and prints a line for each row, or one that says what has failed. */
public class FlinkJDBC {
  public static void main(String[] args) throws Exception {
    try (Connection connection = DriverManager.getConnection(args[0]); Statement statement = connection.createStatement()) {
      for (int i = 1; i < args.length; i++) {
        try {
          run(statement, args[i]);
        } catch (Exception e) {
          Throwable cause = e;
          while (cause.getCause() != null) {
            cause = cause.getCause();
          }
          System.out.println("error: " + cause.getMessage().lines().findFirst().orElse(""));
        }
      }
    }
  }

  private static void run(Statement statement, String text) throws Exception {
    if (!statement.execute(text)) {
      System.out.println("done");
      return;
    }
    try (ResultSet rows = statement.getResultSet()) {
      ResultSetMetaData columns = rows.getMetaData();
      while (rows.next()) {
        StringBuilder line = new StringBuilder();
        for (int c = 1; c <= columns.getColumnCount(); c++) {
          line.append(c > 1 ? ", " : "").append(columns.getColumnName(c)).append("=").append(rows.getObject(c));
        }
        System.out.println(line);
      }
    }
  }
}
