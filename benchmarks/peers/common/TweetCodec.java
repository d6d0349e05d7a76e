import java.io.ByteArrayOutputStream;
import java.io.IOException;
import org.apache.avro.Schema;
import org.apache.avro.generic.GenericDatumReader;
import org.apache.avro.generic.GenericDatumWriter;
import org.apache.avro.generic.GenericRecord;
import org.apache.avro.io.BinaryDecoder;
import org.apache.avro.io.BinaryEncoder;
import org.apache.avro.io.DecoderFactory;
import org.apache.avro.io.EncoderFactory;

/** Decodes and encodes tweets. It reuses all it can: for one thread. */
final class TweetCodec {
    private static final Schema SCHEMA = new Schema.Parser().parse(Parent.setting("schema"));
    private static final ThreadLocal<TweetCodec> OWN = ThreadLocal.withInitial(TweetCodec::new);

    private final GenericDatumReader<GenericRecord> reader = new GenericDatumReader<>(SCHEMA);
    private final GenericDatumWriter<GenericRecord> writer = new GenericDatumWriter<>(SCHEMA);
    private final ByteArrayOutputStream out = new ByteArrayOutputStream(4096);
    private BinaryDecoder decoder;
    private BinaryEncoder encoder;
    private GenericRecord last;

    static TweetCodec ofThread() {
        return OWN.get();
    }

    GenericRecord decode(byte[] value) throws IOException {
        decoder = DecoderFactory.get().binaryDecoder(value, decoder);
        return reader.read(null, decoder);
    }

    byte[] encode(GenericRecord tweet) throws IOException {
        out.reset();
        encoder = EncoderFactory.get().directBinaryEncoder(out, encoder);
        writer.write(tweet, encoder);
        return out.toByteArray();
    }

    /** Decodes into the same record every time, and encodes that. */
    byte[] recode(byte[] value) throws IOException {
        decoder = DecoderFactory.get().binaryDecoder(value, decoder);
        last = reader.read(last, decoder);
        return encode(last);
    }
}
