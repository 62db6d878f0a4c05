package sql_test

import "testing"

// TestInformationSchema: what there is, as tables.
func TestInformationSchema(t *testing.T) {
	s := newSession()
	shows(t, s, map[string]string{"SELECT * FROM information_schema.VIEWS": "", "SELECT COUNT(*) FROM information_schema.TABLES WHERE TABLE_NAME = 'x' GROUP BY TABLE_NAME": ""})
	script(t, s, `CREATE TABLE t (id INT NOT NULL COMMENT 'the id', price DECIMAL(8, 2), tags ARRAY<STRING>, ts TIMESTAMP(3), c AS id + 1,
			k STRING METADATA FROM 'key' VIRTUAL, WATERMARK FOR ts AS ts - INTERVAL '5' SECOND, PRIMARY KEY (id) NOT ENFORCED) COMMENT 'a table'
			WITH ('connector' = 'datagen', 'number-of-rows' = '1');
		CREATE TEMPORARY VIEW v AS SELECT id AS a FROM t;
		CREATE DATABASE d COMMENT 'dd'; CREATE TABLE d.u (x STRING);
		CREATE CATALOG other WITH ('type' = 'generic_in_memory'); CREATE TABLE other.`+"`default`"+`.w (y INT)`)
	columns := "SELECT COLUMN_NAME, ORDINAL_POSITION, IS_NULLABLE, DATA_TYPE, FULL_DATA_TYPE, IS_GENERATED, GENERATION_EXPRESSION, IS_METADATA, METADATA_KEY, IS_PERSISTED, `COMMENT` " +
		"FROM information_schema.columns WHERE TABLE_NAME = 't'"
	shows(t, s, map[string]string{
		"SELECT SCHEMA_NAME, `COMMENT` FROM INFORMATION_SCHEMA.SCHEMATA WHERE SCHEMA_NAME <> 'd'": "default_database|NULL\ninformation_schema|what there is in the catalog",
		"SELECT * FROM information_schema.tables": "default_catalog|d|u|BASE TABLE|NO|NULL|NULL|NULL\n" +
			"default_catalog|default_database|t|BASE TABLE|NO|a table|ts|`ts` - INTERVAL '5' SECOND\ndefault_catalog|default_database|v|VIEW|YES|NULL|NULL|NULL",
		"SELECT TABLE_NAME FROM other.information_schema.TABLES": "w",
		columns: "id|1|NO|INT|INT|NO|NULL|NO|NULL|YES|the id\nprice|2|YES|DECIMAL|DECIMAL(8, 2)|NO|NULL|NO|NULL|YES|NULL\n" +
			"tags|3|YES|ARRAY|ARRAY<STRING>|NO|NULL|NO|NULL|YES|NULL\nts|4|YES|TIMESTAMP|TIMESTAMP(3)|NO|NULL|NO|NULL|YES|NULL\n" +
			"c|5|NO|INT|INT|YES|`id` + 1|NO|NULL|NO|NULL\nk|6|YES|STRING|STRING|NO|NULL|YES|key|NO|NULL",
		"SELECT TABLE_NAME, VIEW_DEFINITION FROM information_schema.VIEWS":                                        "v|SELECT id AS a FROM `default_catalog`.`default_database`.`t`",
		"SELECT CONSTRAINT_NAME, COLUMN_NAME FROM information_schema.KEY_COLUMN_USAGE WHERE ORDINAL_POSITION = 1": "PK_id|id",
		"SELECT OPTION_KEY, OPTION_VALUE FROM information_schema.TABLE_OPTIONS WHERE OPTION_KEY LIKE 'c%'":        "connector|datagen",
		"SHOW TABLES IN information_schema": "COLUMNS\nKEY_COLUMN_USAGE\nSCHEMATA\nTABLES\nTABLE_OPTIONS\nVIEWS",
		"DESCRIBE information_schema.views": "TABLE_CATALOG|STRING|FALSE|NULL|NULL|NULL\nTABLE_SCHEMA|STRING|FALSE|NULL|NULL|NULL\n" +
			"TABLE_NAME|STRING|FALSE|NULL|NULL|NULL\nVIEW_DEFINITION|STRING|FALSE|NULL|NULL|NULL",
		"SHOW DATABASES": "d\ndefault_database",
		"SELECT c.COLUMN_NAME FROM information_schema.TABLES t JOIN information_schema.COLUMNS c ON t.TABLE_NAME = c.TABLE_NAME WHERE t.TABLE_TYPE = 'VIEW'": "a",
	})
	refuses(t, s, map[string]string{
		"INSERT INTO information_schema.TABLES SELECT * FROM information_schema.TABLES": "cannot be written to",
		"DROP VIEW information_schema.TABLES":                                           "cannot be changed",
		"CREATE TABLE information_schema.x (a INT)":                                     "cannot be changed",
		"CREATE TEMPORARY TABLE information_schema.x (a INT)":                           "cannot be changed",
		"CREATE DATABASE information_schema":                                            "cannot be changed",
		"DROP DATABASE information_schema":                                              "cannot be changed",
		"ALTER TABLE t RENAME TO information_schema.t":                                  "cannot be changed",
		"SELECT * FROM information_schema.tabls":                                        "there is no table tabls",
		"SELECT table_name FROM information_schema.TABLES":                              "did you mean TABLE_NAME? Names are compared with case",
	})
	script(t, s, "SET 'execution.runtime-mode' = 'batch'; USE information_schema")
	shows(t, s, map[string]string{"SELECT COUNT(*) FROM COLUMNS": "8"})
}
