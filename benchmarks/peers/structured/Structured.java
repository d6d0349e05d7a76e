import static org.apache.spark.sql.avro.functions.from_avro;
import static org.apache.spark.sql.avro.functions.to_avro;
import static org.apache.spark.sql.functions.col;

import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.sql.streaming.DataStreamWriter;
import org.apache.spark.sql.streaming.StreamingQuery;
import org.apache.spark.sql.streaming.StreamingQueryException;
import org.apache.spark.sql.streaming.StreamingQueryProgress;
import org.apache.spark.sql.streaming.Trigger;

/** Reads, decodes, encodes and writes tweets as a streaming query: at least once. */
public final class Structured {
    public static void main(String[] args) throws Exception {
        Parent.obey();
        SparkSession spark = SparkSession.builder()
                .appName("tweets")
                .master("local[" + Parent.setting("parallelism") + "]")
                .config("spark.ui.enabled", "false")
                .getOrCreate();
        Dataset<Row> raw = spark.readStream()
                .format("kafka")
                .option("kafka.bootstrap.servers", Parent.setting("brokers"))
                .option("subscribe", Parent.setting("in"))
                .option("startingOffsets", "earliest")
                .option("kafka.max.poll.records", 10000)
                .load();
        String schema = Parent.setting("schema");
        Dataset<Row> tweets = raw.select(from_avro(col("value"), schema).as("tweet"))
                .select(to_avro(col("tweet"), schema).as("value"));
        DataStreamWriter<Row> output = tweets.writeStream()
                .format("kafka")
                .option("kafka.bootstrap.servers", Parent.setting("brokers"))
                .option("topic", Parent.setting("out"))
                .option("kafka.linger.ms", 5)
                .option("kafka.batch.size", 1 << 18)
                .option("checkpointLocation", Parent.setting("checkpoint"))
                .outputMode("update")
                .trigger(trigger(Parent.setting("trigger"), Parent.setting("interval")));
        Parent.stopWith(() -> {
            finishBatch(spark.streams().active()[0]);
            spark.stop();
        });
        try {
            output.start().awaitTermination();
        } catch (StreamingQueryException e) {
            // 4.1.1 fails once after a kill, when it has done the open batch again (SPARK-55271).
            e.printStackTrace();
            output.start().awaitTermination();
        }
    }

    /** Waits until no batch is open, or, where one always is, until another one is. */
    private static void finishBatch(StreamingQuery query) throws Exception {
        for (long begun = batch(query); query.status().isTriggerActive() && batch(query) == begun; ) {
            Thread.sleep(1);
        }
        query.stop();
    }

    private static long batch(StreamingQuery query) {
        StreamingQueryProgress last = query.lastProgress();
        return last == null ? -1 : last.batchId();
    }

    private static Trigger trigger(String kind, String interval) {
        return kind.equals("realtime") ? Trigger.RealTime(interval) : Trigger.ProcessingTime(interval);
    }
}
